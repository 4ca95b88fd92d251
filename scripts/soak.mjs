// Runs testkit/soak-live.ts: a real node under attack for as long as is wanted.
//
//   npm run soak -- [--minutes 60] [--peers 100] [--seed N]   connections that come, flood, and go
//   npm run soak -- --attack                                  100,000 pings, 1 GB of unknown commands, 500 half-open
//                                                             connections, a slow reader and 50 trickling frames at once
//
// Prints memory, lag and how long an honest peer waits for its pongs, and writes them to soak.svg (or --svg FILE).
// Exits with 1 if the node ended, needed more than 300 MB, or kept memory.

import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { randomSeed, withBundle } from './tools.mjs'

const ROWS = 20
const MEGABYTE = 1_048_576
const { values } = readOptions()
const megabytes = (bytes) => `${(bytes / MEGABYTE).toFixed(0)} MB`
const ms = (value) => value.toFixed(value < 10 ? 2 : 1)

await withBundle('testkit/soak-live.ts', async ({ soak, fullAttack, driftPerHour }) => {
  const seed = values.seed ?? randomSeed()
  const churn = (port) => [{ kind: 'churn', port, peers: values.peers, seed }]
  const durationMs = values.minutes * 60_000
  if (!values.attack) console.log(`${values.minutes} minutes, ${values.peers} connections, seed ${seed}`)
  console.log(
    '  time     memory       heap  peers  node lag p99 | ping p50     p99     max | unattacked p99 | own lag p99',
  )
  const report = await soak({
    ...(values.attack
      ? { tasks: fullAttack, rowMs: 1_000 }
      : { tasks: churn, durationMs, rowMs: durationMs / ROWS }),
    onRow: printRow,
  })
  const { idle, rss, failures, settledAfterMs } = report
  console.log(
    `memory ${megabytes(rss.before)} idle, ${megabytes(rss.peak)} at most, ${megabytes(rss.after)} after`,
  )
  console.log(
    `  (all others gone and memory back ${(settledAfterMs / 1_000).toFixed(1)} s after the last flood)`,
  )
  if (!values.attack)
    console.log(`drift in the second half: ${driftPerHour(report.rows).toFixed(1)} MB per hour`)
  printPings('idle', idle.attacked)
  printPings('under attack', report.underAttack)
  printPings('of a node beside it that nobody attacks, at the same time', report.control)
  const ratio = (latency) => (report.underAttack.p99Ms / latency.p99Ms).toFixed(1)
  console.log(
    `p99 under attack: ${ratio(idle.attacked)} times idle, ${ratio(report.control)} times that beside it`,
  )
  await writeFile(values.svg, plot(report.rows))
  console.log(`written: ${values.svg}`)
  for (const failure of failures) console.error(`FAILED: ${failure}`)
  if (failures.length > 0) process.exitCode = 1
})

function readOptions() {
  const options = {
    minutes: { type: 'string', default: '60' },
    peers: { type: 'string', default: '100' },
    seed: { type: 'string' },
    attack: { type: 'boolean', default: false },
    svg: { type: 'string', default: 'soak.svg' },
  }
  try {
    const { values: given } = parseArgs({ options })
    const number = (name) => {
      const value = Number(given[name])
      if (value > 0 && Number.isFinite(value)) return value
      throw new Error(`--${name} takes a number above 0, not '${given[name]}'`)
    }
    const seed = given.seed === undefined ? undefined : number('seed')
    return { values: { ...given, minutes: number('minutes'), peers: number('peers'), seed } }
  } catch (error) {
    console.error(error.message)
    process.exit(2)
  }
}

function printRow({ seconds, rssBytes, heapUsedBytes, connections, nodeLagP99Ms, window }) {
  const { attacked, control, ownLagP99Ms } = window
  console.log(
    `${seconds.toFixed(0).padStart(5)} s ${megabytes(rssBytes).padStart(10)} ${megabytes(heapUsedBytes).padStart(10)}` +
      ` ${String(connections).padStart(6)} ${ms(nodeLagP99Ms).padStart(10)} ms | ${ms(attacked.p50Ms).padStart(8)}` +
      ` ${ms(attacked.p99Ms).padStart(7)} ${ms(attacked.maxMs).padStart(7)} | ${ms(control.p99Ms).padStart(11)} ms` +
      ` | ${ms(ownLagP99Ms).padStart(8)} ms`,
  )
}

function printPings(what, { sorted, p50Ms, p99Ms, maxMs }) {
  console.log(
    `ping ${what}: p50 ${ms(p50Ms)} ms, p99 ${ms(p99Ms)} ms, at most ${ms(maxMs)} ms (${sorted.length})`,
  )
}

/** Memory on the left scale, the honest peer's ping on the right one. */
function plot(rows) {
  const [width, height, margin] = [800, 400, 60]
  const last = Math.max(1, rows.at(-1)?.seconds ?? 1)
  const scale = (values) => Math.max(1, ...values) * 1.1
  const memory = rows.map(({ rssBytes }) => rssBytes / MEGABYTE)
  const ping = rows.map(({ window }) => window.attacked.p99Ms)
  const line = (values, max, color) => {
    const points = values.map((value, i) => {
      const x = margin + ((width - 2 * margin) * rows[i].seconds) / last
      const y = height - margin - ((height - 2 * margin) * value) / max
      return `${x.toFixed(1)},${y.toFixed(1)}`
    })
    return `<polyline fill="none" stroke="${color}" stroke-width="2" points="${points.join(' ')}"/>`
  }
  const text = (x, y, content, color = '#333', anchor = 'start') =>
    `<text x="${x}" y="${y}" font-size="13" font-family="sans-serif" fill="${color}" text-anchor="${anchor}">${content}</text>`
  const [memoryMax, pingMax] = [scale(memory), scale(ping)]
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}">`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    `<path d="M${margin} ${margin}V${height - margin}H${width - margin}V${margin}" fill="none" stroke="#999"/>`,
    line(memory, memoryMax, '#2458a6'),
    line(ping, pingMax, '#c0392b'),
    text(margin, margin - 12, `memory, up to ${Math.round(memoryMax)} MB`, '#2458a6'),
    text(width - margin, margin - 12, `ping p99, up to ${pingMax.toFixed(1)} ms`, '#c0392b', 'end'),
    text(margin, height - margin + 20, '0 s'),
    text(width - margin, height - margin + 20, `${Math.round(last)} s`, '#333', 'end'),
    '</svg>',
    '',
  ].join('\n')
}
