// Damaged frames against the decoders, by the million.
//
//   node scripts/fuzz.mjs [--inputs 1000000] [--seed N]
//   node scripts/fuzz.mjs --guided [--seconds 30 | --inputs N] [--seed N]
//
// The first runs testkit/fuzz.ts: as many inputs as possible, made from valid frames. The second runs
// testkit/fuzz-guided.ts: inputs that reach code which none before them did are kept, and others are made from them.
// Without --seed each run draws another one. Prints the seed, so that a run can be repeated, and the rate; on a
// failure also the input in hex, and exits with 1.

import { performance } from 'node:perf_hooks'
import { randomSeed, readNumbers, withBundle } from './tools.mjs'

const isGuided = process.argv.includes('--guided')
process.argv = process.argv.filter((word) => word !== '--guided')

const start = performance.now()
const elapsed = () => (performance.now() - start) / 1000

function rate(done) {
  const seconds = elapsed()
  return `${done} inputs in ${seconds.toFixed(1)} s, ${Math.round(done / seconds)} per second`
}

function fail(text, inputHex, repeat) {
  console.error(text)
  console.error(inputHex)
  console.error(`repeat with: node scripts/fuzz.mjs ${repeat}`)
  process.exitCode = 1
}

async function runBlind() {
  const { inputs, seed } = readNumbers({ inputs: 1_000_000, seed: randomSeed() })
  await withBundle('testkit/fuzz.ts', ({ fuzz }) => {
    console.log(`seed ${seed}, ${inputs} inputs`)
    const failure = fuzz({ inputs, seed })
    const done = failure === undefined ? inputs : failure.index + 1
    console.log(rate(done))
    if (failure === undefined) return
    const { index, kind, complaint, chunkSizes, inputHex } = failure
    const chunks = chunkSizes.length > 0 ? `\nchunks of ${chunkSizes.join(', ')} bytes in turn` : ''
    fail(`input ${index}, a ${kind}: ${complaint}${chunks}`, inputHex, `--inputs ${done} --seed ${seed}`)
  })
}

async function runGuided() {
  const { inputs, seconds, seed } = readNumbers({ inputs: 0, seconds: 30, seed: randomSeed() })
  await withBundle('testkit/fuzz-guided.ts', ({ guidedFuzz }) => {
    console.log(`seed ${seed}, ${inputs > 0 ? `${inputs} inputs` : `${seconds} s`}`)
    const limit = inputs > 0 ? Number.POSITIVE_INFINITY : elapsed() + seconds
    const isOver = () => elapsed() >= limit
    const most = inputs > 0 ? inputs : Number.MAX_SAFE_INTEGER
    const report = guidedFuzz({ seed, inputs: most, isOver })
    console.log(rate(report.inputs))
    console.log(`corpus ${report.corpus}, of which ${report.found} were found`)
    console.log(`blocks ${report.blocks} of ${report.knownBlocks} in functions that were called`)
    const { failure } = report
    if (failure === undefined) return
    fail(failure.complaint, failure.inputHex, `--guided --inputs ${report.inputs} --seed ${seed}`)
  })
}

await (isGuided ? runGuided() : runBlind())
