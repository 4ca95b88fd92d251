/** A real node under everything at once that strangers can do to it; `npm run soak -- --attack` does it at full size. */
import { afterAll, describe, expect, it } from 'vitest'
import { type AttackTask, attack } from '../../testkit/attackers.ts'
import { eventually } from '../../testkit/changes.ts'
import { Lab, type NodeProcess } from '../../testkit/process.ts'
import { MAX_RSS_BYTES } from '../../testkit/soak-live.ts'
import { TcpPeer } from '../../testkit/tcp-peer.ts'

const lab = new Lab()
afterAll(() => lab.close())

const MEGABYTE = 1_048_576
/** Compiled code and warm buffers, which a node keeps after its first work. */
const MAX_KEPT_BYTES = 64 * MEGABYTE

interface PeerRow {
  readonly id: number
  readonly state: string
}

const stopped = new AbortController()
const run = (task: AttackTask): Promise<void> => attack(task, stopped.signal)

/** Keeps asking all of them until the end of `until`. Returns how many pings each had answered. */
async function pingAll(peers: readonly TcpPeer[], until: Promise<unknown>): Promise<number> {
  let isOver = false
  const end = until.finally(() => {
    isOver = true
  })
  let rounds = 0
  while (!isOver) {
    await Promise.all(peers.map((peer) => peer.ping()))
    rounds++
  }
  await end
  return rounds
}

/** Somebody new, who comes again when there is no room for him. */
function newcomer(port: number, localAddress: string): Promise<TcpPeer> {
  return eventually(() => TcpPeer.join({ port, localAddress }).catch(() => undefined), 'a newcomer is let in')
}

/** Moves the node's clock on until nobody is left but these, who answer meanwhile. */
async function outlast(node: NodeProcess, peers: readonly TcpPeer[]): Promise<void> {
  let clock = Math.floor(Date.now() / 1_000)
  await eventually(async () => {
    clock += 20
    await node.rpc('setmocktime', clock)
    await Promise.all(peers.map((peer) => peer.ping()))
    return (await node.rpc('getconnectioncount')) === peers.length ? true : undefined
  }, 'only those are left who behave well')
}

describe('floods, half-open connections, a slow reader and trickling frames at once', () => {
  it('neither fill the memory nor keep a node from its honest peers, and leave nothing behind', async () => {
    const { node, port } = await lab.startListening({ args: ['--regtest'] })
    const honest = await Promise.all(
      [1, 2, 3].map((i) => TcpPeer.join({ port, localAddress: `127.0.5.${i}` })),
    )
    for (const peer of honest) await lab.atEnd(peer).ping()
    const before = node.memory().rss

    const clinging = Promise.all([
      run({ kind: 'trickle', port, count: 30 }),
      run({ kind: 'slowReader', port, pings: 100_000 }),
      run({ kind: 'halfOpen', port, count: 300 }),
    ])
    const floods = Promise.all([
      run({ kind: 'pings', port, count: 20_000 }),
      run({ kind: 'unknownCommands', port, bytes: 64 * MEGABYTE, frameBytes: 32_768 }),
    ])
    const late = newcomer(port, '127.0.5.4')
    const rounds = await pingAll(honest, floods)
    expect(rounds).toBeGreaterThan(1)
    const all = [...honest, lab.atEnd(await late)]
    await pingAll(all, Promise.all(all.map((peer) => peer.ping())))
    expect(node.memory().peak).toBeLessThan(MAX_RSS_BYTES)

    await outlast(node, all)
    stopped.abort()
    await clinging
    const rows = (await node.rpc('getpeerinfo')) as PeerRow[]
    expect(rows.map(({ state }) => state)).toEqual(all.map(() => 'handshake-complete'))
    await eventually(() => (node.memory().rss - before < MAX_KEPT_BYTES ? true : undefined), 'memory is back')
    expect(node.memory().peak).toBeLessThan(MAX_RSS_BYTES)
    expect(node.errors).toEqual([])
    expect((await node.stop()).code).toBe(0)
  })
})
