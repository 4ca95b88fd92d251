// Runs testkit/fuzz.ts: damaged frames against the decoders, by the million.
//
//   node scripts/fuzz.mjs [--inputs 1000000] [--seed N]
//
// Without --seed each run draws another one. Prints the seed, so that a run can be repeated, and the rate; on a
// failure also the input in hex, and exits with 1.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'

const ENTRY = fileURLToPath(new URL('../testkit/fuzz.ts', import.meta.url))

const wholeNumber = (name, text) => {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= 0) return value
  console.error(`--${name} takes a whole number, not '${text}'`)
  process.exit(2)
}

const { values } = parseArgs({
  options: {
    inputs: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
  },
})
const inputs = wholeNumber('inputs', values.inputs)
const seed = wholeNumber('seed', values.seed)

const dir = await mkdtemp(join(tmpdir(), 'dilithion-fuzz-'))
try {
  const outfile = join(dir, 'fuzz.mjs')
  await build({
    entryPoints: [ENTRY],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
  })
  const { fuzz } = await import(pathToFileURL(outfile).href)

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
} finally {
  await rm(dir, { recursive: true, force: true })
}
