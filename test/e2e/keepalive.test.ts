/** Keepalive and timeouts of a real node, on a clock that is set through RPC. */
import { afterAll, describe, expect, it } from 'vitest'
import { regtest } from '../../src/params/networks.ts'
import { eventually } from '../../testkit/changes.ts'
import { Lab, type NodeProcess } from '../../testkit/process.ts'
import { makeFrame, TcpPeer, versionMessage } from '../../testkit/tcp-peer.ts'

const lab = new Lab()
afterAll(() => lab.close())

/** A node whose clock stands, and can be moved on. */
async function nodeWithClock(...args: string[]) {
  const { node, port } = await lab.startListening({ args: ['--regtest', ...args] })
  let seconds = Math.floor(Date.now() / 1_000) + 1
  const advance = async (by: number): Promise<void> => {
    seconds += by
    await node.rpc('setmocktime', seconds)
  }
  await advance(0)
  return { node, port, advance }
}

const pings = (peer: TcpPeer): number => peer.types.filter((type) => type === 'ping').length

/** After this everything that the node sent before has arrived. */
const settled = async (...peers: readonly TcpPeer[]): Promise<void> => {
  for (const peer of peers) await peer.ping()
}

async function info(node: NodeProcess): Promise<Record<string, unknown>[]> {
  return (await node.rpc('getpeerinfo')) as Record<string, unknown>[]
}

describe('keepalive', () => {
  it('pings at once and then every 30 seconds, each time with another nonce', async () => {
    const { node, port, advance } = await nodeWithClock()
    const peers = [lab.atEnd(await TcpPeer.join({ port })), lab.atEnd(await TcpPeer.join({ port }))]
    await settled(...peers)
    for (let round = 1; round <= 4; round++) {
      for (const peer of peers) expect(pings(peer)).toBe(round)
      await advance(29)
      await settled(...peers)
      for (const peer of peers) expect(pings(peer)).toBe(round)
      await advance(1)
      await settled(...peers)
    }
    for (const peer of peers) {
      const nonces = peer.messages.flatMap((message) => (message.type === 'ping' ? [message.nonce] : []))
      expect(new Set(nonces).size).toBe(5)
      for (const nonce of nonces)
        await node.waitForLine(new RegExp(`'pong' from peer \\d \\(nonce: ${nonce}\\)$`))
    }
    for (const row of await info(node)) expect(row).toMatchObject({ pingtime: 0, minping: 0 })
  })

  it('measures the round trip by the pong that answers, and ignores others', async () => {
    const { node, port, advance } = await nodeWithClock()
    const peer = lab.atEnd(await TcpPeer.join({ port, answersPings: false }))
    const { nonce } = await peer.next('ping')
    await advance(7)
    expect(await info(node)).toMatchObject([{ pingwait: 7 }])
    peer.send({ type: 'pong', nonce: nonce ^ 1n })
    await settled(peer)
    expect(await info(node)).toMatchObject([{ pingwait: 7, misbehavior: 0 }])
    peer.send({ type: 'pong', nonce }, { type: 'pong', nonce })
    await settled(peer)
    const [row] = await info(node)
    expect(row).toMatchObject({ pingtime: 7, minping: 7 })
    expect(row).not.toHaveProperty('pingwait')
  })

  it('pings everybody when told to', async () => {
    const { node, port } = await nodeWithClock()
    const peer = lab.atEnd(await TcpPeer.join({ port }))
    await peer.next('ping')
    await node.rpc('ping')
    await peer.next('ping')
  })
})

describe('peers that fall silent', () => {
  it('are closed after 120 seconds, while those that answer stay', async () => {
    const { node, port, advance } = await nodeWithClock()
    const lively = lab.atEnd(await TcpPeer.join({ port }))
    const silent = lab.atEnd(await TcpPeer.join({ port, answersPings: false }))
    await settled(lively, silent)
    for (let seconds = 0; seconds < 119; seconds += 17) {
      await advance(17)
      await settled(lively)
    }
    expect(silent.hasEnded).toBe(false)
    await advance(1)
    await silent.waitForEnd()
    await node.waitForLine('[P2P] Peer 2 disconnected: nothing heard for too long')
    await settled(lively)
  })

  it('are closed after 30 seconds without version, and after 60 without verack', async () => {
    const { node, port, advance } = await nodeWithClock()
    const mute = lab.atEnd(await TcpPeer.connect({ port }))
    const half = lab.atEnd(await TcpPeer.connect({ port }))
    mute.sendBytes(new Uint8Array([0xda, 0xb5]))
    half.send(versionMessage(regtest))
    await half.next('verack')
    await node.waitForLine(/^\[P2P\] Peer 2 accepted/)
    await advance(29)
    await advance(1)
    await mute.waitForEnd()
    await node.waitForLine('[P2P] Peer 1 disconnected: no version within the time allowed')
    await advance(29)
    expect(half.hasEnded).toBe(false)
    await advance(1)
    await half.waitForEnd()
    await node.waitForLine('[P2P] Peer 2 disconnected: handshake not finished within the time allowed')
  })

  it('can not keep a handshake open by sending something else', async () => {
    const { node, port, advance } = await nodeWithClock()
    const peer = lab.atEnd(await TcpPeer.connect({ port }))
    // Its time runs from here, so the clock must not move before.
    await node.waitForLine(/^\[P2P\] Peer 1 accepted/)
    for (let seconds = 0; seconds < 30; seconds += 10) {
      peer.send({ type: 'ping', nonce: 1n })
      await advance(10)
    }
    await peer.waitForEnd()
    await node.waitForLine('[P2P] Peer 1 disconnected: no version within the time allowed')
  })

  it('can not hold a connection for ever with a message that trickles in', async () => {
    const { node, port, advance } = await nodeWithClock()
    const peer = lab.atEnd(await TcpPeer.join({ port, answersPings: false }))
    const other = lab.atEnd(await TcpPeer.join({ port }))
    await settled(peer, other)
    peer.sendBytes(makeFrame(regtest.magic, 'inv', new Uint8Array(100), { length: 1_000 }))
    const arrived = async () => {
      const [row] = await info(node)
      return row?.['recvbuffer_bytes'] === 0 ? undefined : true
    }
    await eventually(arrived, 'a part of the message')
    for (let seconds = 0; seconds < 70 && !peer.hasEnded; seconds += 10) {
      peer.sendBytes(new Uint8Array(1))
      await settled(other)
      await advance(10)
    }
    await peer.waitForEnd()
    expect(node.count(/^\[P2P\] Peer 1 disconnected: /)).toBe(1)
    await settled(other)
  })
})
