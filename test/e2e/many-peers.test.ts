/** A real node at its limits: as many peers as it holds, and peers that take without reading. */
import { afterAll, describe, expect, it } from 'vitest'
import { regtest } from '../../src/params/networks.ts'
import { eventually } from '../../testkit/changes.ts'
import { Lab } from '../../testkit/process.ts'
import { makeFrame, PeerListener, TcpPeer } from '../../testkit/tcp-peer.ts'

const lab = new Lab()
afterAll(() => lab.close())

const MEGABYTE = 1_048_576

describe('125 peers', () => {
  it('are held, 8 dialled and 117 that came, and each ping of each is answered', async () => {
    const listeners: PeerListener[] = []
    for (let i = 0; i < 8; i++) listeners.push(lab.atEnd(await PeerListener.open()))
    const args = ['--regtest', ...listeners.map(({ address }) => `--addnode=${address}`)]
    const { node, port } = await lab.startListening({ args })
    const accepted = listeners.map(async (listener) => {
      const peer = await listener.accept()
      await peer.answerHandshake()
      return peer
    })
    const outbound = await Promise.all(accepted)
    const inbound = await Promise.all(Array.from({ length: 117 }, () => TcpPeer.join({ port })))
    for (const peer of inbound) lab.atEnd(peer)
    expect(await node.rpc('getnetworkinfo')).toMatchObject({
      connections: 125,
      connections_in: 117,
      connections_out: 8,
    })

    // One more is let in for the least important of those who came: one that is young and no nearer than others.
    const inside = new Set([...outbound, ...inbound, lab.atEnd(await TcpPeer.join({ port }))])
    const evicted = await eventually(() => inbound.find(({ hasEnded }) => hasEnded), 'the end of one of them')
    inside.delete(evicted)
    expect(await node.rpc('getdisconnects')).toMatchObject([
      { address: `127.0.0.1:${evicted.localPort}`, reason: 'evicted' },
    ])
    expect(await node.rpc('getconnectioncount')).toBe(125)

    const peers = [...inside]
    for (let round = 0; round < 3; round++) await Promise.all(peers.map((peer) => peer.ping()))
    await node.rpc('ping')
    await Promise.all(peers.map(async (peer) => [await peer.next('ping'), await peer.next('ping')]))
    const answered = async () => {
      const rows = (await node.rpc('getpeerinfo')) as { pingtime?: number; pingwait?: number }[]
      return rows.every((row) => row.pingtime !== undefined && row.pingwait === undefined) ? true : undefined
    }
    await eventually(answered, 'a pong from each')

    const exit = await node.stop()
    expect(exit).toMatchObject({ code: 0 })
    expect(exit.afterMs).toBeLessThan(2_000)
    expect(node.errors).toEqual([])
    await Promise.all(peers.map((peer) => peer.waitForEnd()))
  })
})

describe('a peer that asks without reading', () => {
  it('makes the node neither grow nor deaf for others, and is closed in the end', async () => {
    const { node, port } = await lab.startListening({ args: ['--regtest'] })
    const start = Math.floor(Date.now() / 1_000)
    await node.rpc('setmocktime', start)
    const witness = lab.atEnd(await TcpPeer.join({ port }))
    await witness.ping()
    const before = node.memory().rss

    // More than all buffers between the two hold, from ten peers at once.
    const pings = Buffer.concat(Array(2_000).fill(makeFrame(regtest.magic, 'ping', new Uint8Array(8))))
    const deaf = await Promise.all(Array.from({ length: 10 }, () => TcpPeer.join({ port })))
    for (const peer of deaf) {
      lab.atEnd(peer)
      peer.socket.pause()
      for (let i = 0; i < 320; i++) peer.sendBytes(pings)
    }
    const congested = async () => {
      const rows = (await node.rpc('getpeerinfo')) as { sendqueue_bytes: number }[]
      await witness.ping(5_000)
      return rows.filter(({ sendqueue_bytes: bytes }) => bytes > MEGABYTE).length === 10 ? true : undefined
    }
    await eventually(congested, 'ten congested peers')
    for (let i = 0; i < 20; i++) await witness.ping(5_000)
    for (const row of (await node.rpc('getpeerinfo')) as { sendqueue_bytes: number }[]) {
      expect(row.sendqueue_bytes).toBeLessThan(2 * MEGABYTE)
    }
    expect(node.memory().peak - before).toBeLessThan(150 * MEGABYTE)

    await node.rpc('setmocktime', start + 59)
    expect(await node.rpc('getconnectioncount')).toBe(11)
    await node.rpc('setmocktime', start + 61)
    await eventually(
      async () => ((await node.rpc('getconnectioncount')) === 1 ? true : undefined),
      'ten ends',
    )
    expect(node.count(/disconnected: the peer does not read what we send$/)).toBe(10)
    await witness.ping()
  })
})
