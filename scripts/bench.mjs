/**
 * Builds the node and the benchmarks, and runs them: `npm run bench -- [names...]`, see docs/BENCHMARKS.md. The
 * benchmarks are bundled by esbuild, as the programs are; the load generator in C only if it is asked for.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build as bundle } from 'esbuild'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const argv = process.argv.slice(2)
const out = mkdtempSync(join(tmpdir(), 'dilithion-bench-programs-'))

try {
  if (!argv.some((word) => word.startsWith('--node'))) {
    const { build } = await import('./build.mjs')
    await build({ library: existsSync(join(root, 'dist/.built-lib')) })
  }
  await bundle({
    entryPoints: ['main', 'programs/bare-server', 'programs/load'].map((name) =>
      join(root, `bench/${name}.ts`),
    ),
    outdir: out,
    bundle: true,
    format: 'esm',
    outExtension: { '.js': '.mjs' },
    platform: 'node',
    target: 'node20.19',
    minifySyntax: true,
    logLevel: 'warning',
  })
  const loadInC = argv.some((word) => word.startsWith('--generator')) ? compileC() : undefined
  const { main } = await import(pathToFileURL(join(out, 'main.mjs')).href)
  process.exitCode = await main(argv, {
    node: join(root, 'dist/bin/dilithion-node.js'),
    bareServer: join(out, 'programs/bare-server.mjs'),
    load: join(out, 'programs/load.mjs'),
    loadInC,
  })
} finally {
  rmSync(out, { recursive: true, force: true })
}

function compileC() {
  const program = join(out, 'load')
  const { status } = spawnSync('cc', ['-O2', '-o', program, join(root, 'bench/programs/load.c')], {
    stdio: 'inherit',
  })
  return status === 0 ? program : undefined
}
