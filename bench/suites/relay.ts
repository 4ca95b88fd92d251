/** How long a new block takes from a peer of the first of some nodes in a line to a peer of the last one. */
import { bytesEqual } from '../../src/primitives/bytes.ts'
import type { Block } from '../../src/wire/block.ts'
import type { Message } from '../../src/wire/messages.ts'
import { type BenchChain, makeChain } from '../chains.ts'
import type { Suite } from '../context.ts'
import { BenchPeer } from '../peer.ts'
import { Server, type Subject } from '../processes.ts'
import { makeRow } from '../report.ts'
import { interleave, median } from '../stats.ts'

const HOPS = 3
const BLOCKS = 120
/** Sent one after the other in each round; the first ones make the nodes know each other's tips. */
const NEWS = 25
const WARM_UP = 5
const PAUSE_MS = 100

const WANTS: readonly Message[] = [
  { type: 'sendheaders' },
  { type: 'sendcmpct', announce: true, version: 1n },
]

export const relaySuite: Suite = {
  name: 'relay',
  about: `a new block's way over ${HOPS} nodes in a line`,
  async run(context) {
    const chain = await makeChain(BLOCKS, 0, NEWS)
    const results = await interleave(context.rounds, context.nodes, (subject) => relayMs(subject, chain))
    return context.nodes.map((node) =>
      makeRow({
        suite: 'relay',
        metric: `a block over ${HOPS} nodes, median of ${NEWS - WARM_UP}`,
        unit: 'ms',
        subject: node.name,
        values: results.get(node) ?? [],
      }),
    )
  },
}

async function relayMs(subject: Subject, chain: BenchChain): Promise<number> {
  const servers: Server[] = []
  const peers: BenchPeer[] = []
  try {
    for (let i = 0; i < HOPS; i++) {
      const before = servers.at(-1)
      const more = before === undefined ? [] : [`--connect=127.0.0.1:${before.port}`]
      servers.push(await Server.start(subject, { prepare: chain.install, more }))
    }
    const giver = await BenchPeer.join(servers[0]?.port ?? 0)
    const taker = await BenchPeer.join(servers.at(-1)?.port ?? 0, ...WANTS)
    peers.push(giver, taker)
    await pause(1_000)
    const times: number[] = []
    for (const block of chain.news) {
      times.push(await journeyMs(giver, taker, block))
      await pause(PAUSE_MS)
    }
    return median(times.slice(WARM_UP))
  } finally {
    for (const peer of peers) peer.close()
    for (const server of servers) await server.stop()
  }
}

async function journeyMs(giver: BenchPeer, taker: BenchPeer, block: Block): Promise<number> {
  const arrived = taker.until((message) => announces(message, block))
  const startedAt = performance.now()
  giver.send({ type: 'block', block })
  await arrived
  return performance.now() - startedAt
}

function announces(message: Message, { header }: Block): boolean {
  if (message.type === 'cmpctblock') return bytesEqual(message.header.bytes, header.bytes)
  return message.type === 'inv' || (message.type === 'headers' && message.headers.length === 1)
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
