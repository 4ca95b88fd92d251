// Runs testkit/fuzz-live.ts: damaged frames against a live node, by the million.
//
//   node scripts/fuzz-live.mjs [--frames 1000000] [--seed N]
//
// Without --seed each run draws another one. Prints rate, memory and how long an honest peer had to wait; exits
// with 1 if the node ended, kept memory, or let the honest peer wait too long.

import { randomSeed, readNumbers, withBundle } from './tools.mjs'

const { frames, seed } = readNumbers({ frames: 1_000_000, seed: randomSeed() })
const megabytes = (bytes) => `${(bytes / 1_048_576).toFixed(1)} MB`

await withBundle('testkit/fuzz-live.ts', async ({ fuzzLive }) => {
  console.log(`seed ${seed}, ${frames} frames`)
  const report = await fuzzLive({
    frames,
    seed,
    onProgress: (sent) => console.log(`  ${sent} frames sent`),
  })
  const { seconds, connections, bytesSent, bytesRead, rss, witness, failures } = report
  console.log(
    `${report.frames} frames in ${seconds.toFixed(1)} s, ${Math.round(report.frames / seconds)} per second`,
  )
  console.log(
    `${connections} connections, ${megabytes(bytesSent)} sent, ${megabytes(bytesRead)} read by the node`,
  )
  console.log(
    `memory ${megabytes(rss.before)} before, ${megabytes(rss.peak)} at most, ${megabytes(rss.after)} after`,
  )
  console.log(
    `${witness.pings} pings of another peer answered, the slowest in ${witness.slowestMs.toFixed(1)} ms`,
  )
  for (const failure of failures) console.error(`FAILED: ${failure}`)
  if (failures.length > 0) {
    console.error(`repeat with: node scripts/fuzz-live.mjs --frames ${frames} --seed ${seed}`)
    process.exitCode = 1
  }
})
