// Runs testkit/fuzz.ts: damaged frames against the decoders, by the million.
//
//   node scripts/fuzz.mjs [--inputs 1000000] [--seed N]
//
// Without --seed each run draws another one. Prints the seed, so that a run can be repeated, and the rate; on a
// failure also the input in hex, and exits with 1.

import { performance } from 'node:perf_hooks'
import { randomSeed, readNumbers, withBundle } from './tools.mjs'

const { inputs, seed } = readNumbers({ inputs: 1_000_000, seed: randomSeed() })

await withBundle('testkit/fuzz.ts', ({ fuzz }) => {
  console.log(`seed ${seed}, ${inputs} inputs`)
  const start = performance.now()
  const failure = fuzz({ inputs, seed })
  const seconds = (performance.now() - start) / 1000
  const done = failure === undefined ? inputs : failure.index + 1
  console.log(`${done} inputs in ${seconds.toFixed(1)} s, ${Math.round(done / seconds)} per second`)

  if (failure !== undefined) {
    console.error(`input ${failure.index}, a ${failure.kind}: ${failure.complaint}`)
    if (failure.chunkSizes.length > 0)
      console.error(`chunks of ${failure.chunkSizes.join(', ')} bytes in turn`)
    console.error(failure.inputHex)
    console.error(`repeat with: node scripts/fuzz.mjs --inputs ${done} --seed ${seed}`)
    process.exitCode = 1
  }
})
