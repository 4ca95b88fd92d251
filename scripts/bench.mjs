/**
 * Prepares the clone, bundles the benchmarks as the programs are bundled, and runs them: `npm run bench -- --help`,
 * and docs/BENCHMARKS.md. The load generator in C is compiled only if it is asked for.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { prepare } from './prepare.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const argv = process.argv.slice(2)

await prepare({ library: false })
const { build } = await import('esbuild')
// Within the clone, so that what is not bundled is found in its node_modules.
const out = mkdtempSync(join(root, '.dilithion-bench-'))
process.once('exit', () => rmSync(out, { recursive: true, force: true }))
await build({
  entryPoints: ['main', 'programs/bare-server', 'programs/load', 'programs/pinger'].map((name) =>
    join(root, `bench/${name}.ts`),
  ),
  outdir: out,
  bundle: true,
  format: 'esm',
  outExtension: { '.js': '.mjs' },
  platform: 'node',
  target: 'node20.19',
  minifySyntax: true,
  external: ['koffi', 'classic-level'],
  logLevel: 'warning',
})
const { main } = await import(pathToFileURL(join(out, 'main.mjs')).href)
process.exitCode = await main(argv, {
  node: join(root, 'dist/bin/dilithion-node.js'),
  bareServer: join(out, 'programs/bare-server.mjs'),
  load: join(out, 'programs/load.mjs'),
  pinger: join(out, 'programs/pinger.mjs'),
  signatureWorker: join(root, 'dist/bin/signature-worker.js'),
  compileLoadInC,
})

/** The path of the program, or undefined where there is no C compiler. */
function compileLoadInC() {
  const program = join(out, 'load')
  const args = ['-O2', '-o', program, join(root, 'bench/programs/load.c')]
  const { status } = spawnSync('cc', args, { stdio: 'inherit' })
  return status === 0 ? program : undefined
}
