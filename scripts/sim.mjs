// Bundles the simulator and runs it: npm run sim -- --nodes 50 --hours 24 --seed 42
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'

const entry = fileURLToPath(new URL('../testkit/sim/main.ts', import.meta.url))
const folder = await mkdtemp(join(tmpdir(), 'dilithion-sim-'))
try {
  const outfile = join(folder, 'sim.mjs')
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    sourcemap: 'inline',
    logLevel: 'warning',
  })
  await import(pathToFileURL(outfile).href)
} finally {
  await rm(folder, { recursive: true, force: true })
}
