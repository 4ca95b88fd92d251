/**
 * A peer of several nodes that does nothing but ping them, one after the other, all the time. For each line on standard
 * input it prints one line of JSON: for each node, in the order of the ports that it was given, p50, p99 and the longest
 * round trip since the line before, in milliseconds, and how many there were.
 *
 *     pinger PORT...
 */
import { createInterface } from 'node:readline'
import { BenchPeer } from '../peer.ts'
import { quantile } from '../stats.ts'

const PAUSE_MS = 2
const peers = await Promise.all(process.argv.slice(2).map((port) => BenchPeer.join(Number(port))))
const times: number[][] = peers.map(() => [])

createInterface({ input: process.stdin })
  .on('line', () => {
    const seen = times.map((values) => values.splice(0))
    const rows = seen.map((values) => [0.5, 0.99, 1].map((q) => quantile(values, q)).concat(values.length))
    process.stdout.write(`${JSON.stringify(rows)}\n`)
  })
  .on('close', () => process.exit(0))

for (const [i, peer] of peers.entries()) void pingOn(peer, times[i] ?? [])

async function pingOn(peer: BenchPeer, taken: number[]): Promise<never> {
  for (let nonce = 1n; ; nonce++) {
    const sentAt = performance.now()
    const pong = peer.until((message) => message.type === 'pong' && message.nonce === nonce)
    peer.send({ type: 'ping', nonce })
    await pong
    taken.push(performance.now() - sentAt)
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
  }
}
