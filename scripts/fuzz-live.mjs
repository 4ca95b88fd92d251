// Runs testkit/fuzz-live.ts: damaged frames against a live node, by the million.
//
//   node scripts/fuzz-live.mjs [--frames 1000000] [--seed N]
//
// Without --seed each run draws another one. Prints rate, memory and how long an honest peer had to wait; exits
// with 1 if the node ended, kept memory, or let the honest peer wait too long.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

const wholeNumber = (name, text) => {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= 0) return value
  console.error(`--${name} takes a whole number, not '${text}'`)
  process.exit(2)
}

const { values } = parseArgs({
  options: {
    frames: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
  },
})
const frames = wholeNumber('frames', values.frames)
const seed = wholeNumber('seed', values.seed)
const megabytes = (bytes) => `${(bytes / 1_048_576).toFixed(1)} MB`

const folder = await mkdtemp(join(tmpdir(), 'dilithion-fuzz-'))
try {
  const outfile = join(folder, 'fuzz-live.mjs')
  await build({
    entryPoints: [join(root, 'testkit/fuzz-live.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    // The helpers find the launcher from where they lie.
    define: { 'import.meta.dirname': JSON.stringify(join(root, 'testkit')) },
  })
  const { fuzzLive } = await import(pathToFileURL(outfile).href)
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
} finally {
  await rm(folder, { recursive: true, force: true })
}
