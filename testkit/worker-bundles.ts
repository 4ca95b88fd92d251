/**
 * Worker threads in tests. Node.js loads their code itself and knows no TypeScript before 22.18, so it is bundled as for
 * a release, into a directory of this run, and the sources are told that it lies there.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { buildSync } from 'esbuild'
import type { Plugin } from 'vitest/config'

const CRYPTO = resolve(import.meta.dirname, '../src/crypto')
const WORKERS = ['signature-worker']

export function workerBundles(): Plugin {
  let location: string | undefined
  return {
    name: 'worker-bundles',
    enforce: 'pre',
    transform(code, id) {
      if (id !== join(CRYPTO, 'worker-url.ts')) return undefined
      location ??= bundleWorkers()
      return code.replace('import.meta.url', JSON.stringify(location))
    },
  }
}

/** URL of a file that would lie beside the bundles. */
function bundleWorkers(): string {
  const dir = mkdtempSync(join(tmpdir(), 'dilithion-workers-'))
  process.once('exit', () => rmSync(dir, { recursive: true, force: true }))
  writeFileSync(join(dir, 'package.json'), '{ "type": "module" }')
  buildSync({
    entryPoints: WORKERS.map((name) => join(CRYPTO, `${name}.ts`)),
    outdir: dir,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    logLevel: 'warning',
  })
  return pathToFileURL(join(dir, 'worker-url.js')).href
}
