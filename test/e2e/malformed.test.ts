/**
 * What a hostile or broken peer sends, against one real process: whatever it is, only the sender's connection may
 * suffer. A witness that behaves well is connected all the time, and its pings are answered.
 */
import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { MAX_PAYLOAD_BYTES } from '../../src/framing/encoder.ts'
import { regtest } from '../../src/params/networks.ts'
import { latin1Encode } from '../../src/primitives/bytes.ts'
import { encodePayload } from '../../src/wire/messages.ts'
import { eventually } from '../../testkit/changes.ts'
import { Lab, type NodeProcess } from '../../testkit/process.ts'
import { makeFrame, TcpPeer, versionMessage } from '../../testkit/tcp-peer.ts'

const lab = new Lab()
afterAll(() => lab.close())

const MEGABYTE = 1_048_576

let node: NodeProcess
let port = 0
let witness: TcpPeer

beforeAll(async () => {
  ;({ node, port } = await lab.startListening({ args: ['--regtest', '--maxconnections=1000'] }))
  witness = lab.atEnd(await TcpPeer.join({ port }))
})

afterEach(async () => {
  await witness.ping()
  expect(node.errors).toEqual([])
})

const connect = async (): Promise<TcpPeer> => lab.atEnd(await TcpPeer.connect({ port }))
const join = async (): Promise<TcpPeer> => lab.atEnd(await TcpPeer.join({ port }))

/** A command field of 12 bytes. */
function field(text: string): Uint8Array {
  const bytes = new Uint8Array(12)
  bytes.set(latin1Encode(text))
  return bytes
}

/** Bytes without a pattern that are the same in each run. */
function noise(length: number, seed: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, i) =>
    createHash('sha256').update(`${seed} ${i}`).digest(),
  )
  return Buffer.concat(blocks).subarray(0, length)
}

async function expectEnd(peer: TcpPeer, why: RegExp): Promise<void> {
  await peer.waitForEnd()
  await node.waitForLine(new RegExp(`^\\[P2P\\] Peer \\d+ disconnected: ${why.source}`), linesBefore)
}

let linesBefore = 0
async function points(peer: TcpPeer): Promise<unknown> {
  const peers = (await node.rpc('getpeerinfo')) as { addr: string; misbehavior: number }[]
  return peers.find(({ addr }) => addr === `127.0.0.1:${peer.localPort}`)?.misbehavior
}

describe('a stream that can not be read on', () => {
  const nonce = new Uint8Array(8)
  it.each<[string, RegExp, Uint8Array]>([
    ['the magic of another network', /bytes of another network/, makeFrame(0xd171_4102, 'ping', nonce)],
    [
      'a command with something behind its end',
      /malformed command name/,
      frameWith({ commandField: field('ping\0x') }),
    ],
    [
      'a command without an end',
      /malformed command name/,
      frameWith({ commandField: field('pingpingping') }),
    ],
    [
      'a length above all limits',
      /message longer than allowed/,
      frameWith({ length: MAX_PAYLOAD_BYTES + 1 }),
    ],
    ['the highest length', /message longer than allowed/, frameWith({ length: 0xffff_ffff })],
    ['a wrong checksum', /wrong checksum/, frameWith({ checksum: 0 })],
    [
      'a wrong checksum of nothing',
      /wrong checksum/,
      makeFrame(regtest.magic, 'getaddr', new Uint8Array(0), { checksum: 1 }),
    ],
    ['noise', /bytes of another network/, noise(10_000, 1)],
    ['a web request', /bytes of another network/, latin1Encode('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
    ['zeros', /bytes of another network/, new Uint8Array(100_000)],
  ])('%s ends the connection, before the handshake and after it', async (_, why, bytes) => {
    for (const enter of [connect, join]) {
      linesBefore = node.log.length
      const peer = await enter()
      peer.sendBytes(bytes)
      await expectEnd(peer, why)
    }
  })

  function frameWith(lies: Parameters<typeof makeFrame>[3]): Uint8Array {
    return makeFrame(regtest.magic, 'ping', nonce, lies)
  }

  it('a stranger may not send more than a handshake needs', async () => {
    linesBefore = node.log.length
    const peer = await connect()
    peer.sendFrame('mystery', new Uint8Array(1_024))
    await peer.shakeHands()
    await peer.ping()
    const other = await connect()
    other.sendFrame('mystery', new Uint8Array(1_025))
    await expectEnd(other, /message longer than allowed \('mystery' of 1025 bytes, allowed are 1024\)/)
  })
})

describe('messages that are wrong in themselves', () => {
  it('costs 20 points to send a known command of an impossible size, and ends at 100', async () => {
    linesBefore = node.log.length
    const peer = await join()
    for (const [command, bytes] of [
      ['ping', 7],
      ['pong', 9],
      ['verack', 1],
      ['sendcmpct', 8],
    ] as const) {
      peer.sendFrame(command, new Uint8Array(bytes))
    }
    await peer.ping()
    expect(await points(peer)).toBe(80)
    peer.sendFrame('getaddr', new Uint8Array(1))
    await expectEnd(peer, /too many violations of the protocol/)
  })

  it('costs 10 points to send a payload that can not be read', async () => {
    const peer = await join()
    const inventory = Buffer.concat([Buffer.from([3]), new Uint8Array(36)])
    const addresses = Buffer.from([0xfe, 0xff, 0xff, 0xff, 0x7f])
    const headers = Buffer.from([0xfd, 0xd1, 0x07, 0])
    for (const [i, [command, payload]] of (
      [
        ['inv', inventory],
        ['addr', addresses],
        ['headers', headers],
        ['block', noise(200, 2)],
      ] as const
    ).entries()) {
      peer.sendFrame(command, payload)
      await peer.ping()
      expect(await points(peer)).toBe(10 * (i + 1))
    }
  })

  it('costs nothing to send what nobody knows, however large, and it is not kept', async () => {
    const peer = await join()
    const before = node.memory().rss
    peer.sendFrame('', new Uint8Array(5))
    peer.sendFrame('notfound', new Uint8Array(50))
    peer.sendFrame('xxxxxxxxxxx', new Uint8Array(MAX_PAYLOAD_BYTES))
    await peer.ping()
    expect(await points(peer)).toBe(0)
    expect(node.memory().rss - before).toBeLessThan(100 * MEGABYTE)
  })

  it('takes no memory for lengths that are only claimed', async () => {
    const before = node.memory().rss
    const peers = await Promise.all(Array.from({ length: 60 }, join))
    const head = makeFrame(regtest.magic, 'block', noise(100, 3), { length: 8 * MEGABYTE })
    for (const peer of peers) peer.sendBytes(head)
    const waiting = async () => {
      const rows = (await node.rpc('getpeerinfo')) as { recvbuffer_bytes: number }[]
      return rows.filter(({ recvbuffer_bytes: bytes }) => bytes > 0 && bytes < 10_000).length
    }
    await eventually(async () => ((await waiting()) === 60 ? true : undefined), '60 partial frames')
    expect(node.memory().rss - before).toBeLessThan(60 * MEGABYTE)
    for (const peer of peers) peer.reset()
  })
})

describe('frames in pieces', () => {
  it('shakes hands one byte at a time', async () => {
    const peer = await connect()
    const version = makeFrame(regtest.magic, 'version', encodePayload(versionMessage(regtest)))
    for (const frame of [version, makeFrame(regtest.magic, 'verack', new Uint8Array(0))]) {
      for (const byte of frame) {
        peer.sendBytes(Uint8Array.of(byte))
        await new Promise(setImmediate)
      }
    }
    await peer.next('verack')
    await peer.ping()
  })

  it('waits for the rest of a frame while others are served', async () => {
    // A pong between two pieces would be part of the frame.
    const peer = lab.atEnd(await TcpPeer.join({ port, answersPings: false }))
    const ping = makeFrame(regtest.magic, 'ping', noise(8, 4))
    for (const cut of [1, 23, 24, 31]) {
      peer.sendBytes(ping.subarray(0, cut))
      await witness.ping()
      peer.sendBytes(ping.subarray(cut))
      await peer.next('pong')
    }
  })

  it('forgets connections that end in the middle of a frame', async () => {
    const before = await node.rpc('getconnectioncount')
    const version = makeFrame(regtest.magic, 'version', encodePayload(versionMessage(regtest)))
    for (const cut of [0, 1, 12, 24, 60, version.length]) {
      for (const end of ['close', 'reset'] as const) {
        const peer = await TcpPeer.connect({ port })
        peer.sendBytes(version.subarray(0, cut))
        peer[end]()
        await peer.waitForEnd()
      }
    }
    const count = async () => ((await node.rpc('getconnectioncount')) === before ? true : undefined)
    await eventually(count, `${before} connections`)
  })

  it('survives 500 connections that come and go, and keeps nothing of them', async () => {
    const openFiles = (): number => readdirSync(`/proc/${node.pid}/fd`).length
    const count = async (): Promise<number> => Number(await node.rpc('getconnectioncount'))
    const [peersBefore, filesBefore] = [await count(), openFiles()]
    const ends = ['close', 'reset', 'close'] as const
    for (let round = 0; round < 10; round++) {
      const peers = await Promise.all(Array.from({ length: 50 }, () => TcpPeer.connect({ port })))
      for (const [i, peer] of peers.entries()) {
        if (i % 4 === 0) peer.sendBytes(noise(i, i))
        if (i % 4 === 1) peer.send(versionMessage(regtest))
        peer[ends[i % 3] ?? 'close']()
      }
      await Promise.all(peers.map((peer) => peer.waitForEnd()))
    }
    await eventually(async () => ((await count()) === peersBefore ? true : undefined), 'no peer left over')
    await eventually(() => (openFiles() <= filesBefore ? true : undefined), 'no file left open')
  })
})
