/**
 * Builds dist/: bin/ (the two programs, bundled, so that they start fast) and, unless --bin-only, lib/ (the
 * library with its declarations). The new dist replaces the old one in one step.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const out = join(root, `dist.tmp-${process.pid}`)
const dist = join(root, 'dist')

export async function build({ library }) {
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out)
  try {
    await bundlePrograms()
    if (library) emitLibrary()
    writeFileSync(join(out, '.built'), '')
    if (library) writeFileSync(join(out, '.built-lib'), '')
    replaceDist()
  } finally {
    rmSync(out, { recursive: true, force: true })
  }
}

async function bundlePrograms() {
  const { build: bundle } = await import('esbuild')
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const programs = ['dilithion-node', 'dilithion-cli']
  // Worker threads: src/crypto/worker-url.ts looks for them beside the programs.
  const workers = ['signature-worker']
  await bundle({
    entryPoints: [
      ...programs.map((name) => ({ in: join(root, `src/cli/${name}-main.ts`), out: name })),
      ...workers.map((name) => ({ in: join(root, `src/crypto/${name}.ts`), out: name })),
    ],
    outdir: join(out, 'bin'),
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    minifySyntax: true,
    // Native: found in node_modules when it is first needed.
    external: ['koffi', 'classic-level'],
    define: { __DILITHION_VERSION__: JSON.stringify(version) },
    banner: {
      js: "#!/usr/bin/env node\nimport { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
    logLevel: 'warning',
  })
  for (const name of programs) chmodSync(join(out, 'bin', `${name}.js`), 0o755)
}

function emitLibrary() {
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const args = [tsc, '-p', join(root, 'tsconfig.build.json'), '--outDir', join(out, 'lib')]
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: ['ignore', 2, 2] })
  if (status !== 0) throw new Error('the library did not compile')
}

function replaceDist() {
  const old = join(root, `dist.tmp-old-${process.pid}`)
  if (existsSync(dist)) renameSync(dist, old)
  renameSync(out, dist)
  rmSync(old, { recursive: true, force: true })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await build({ library: !process.argv.includes('--bin-only') })
}
