/** What the programs for developers share: bundling a TypeScript program and running it, and reading numbers. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { prepare } from './prepare.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Prepares the clone, bundles `entry` (relative to its root), and gives the module to `use`. */
export async function withBundle(entry, use) {
  await prepare({ library: false })
  const { build } = await import('esbuild')
  const folder = await mkdtemp(join(tmpdir(), 'dilithion-tool-'))
  try {
    const outfile = join(folder, 'tool.mjs')
    await build({
      entryPoints: [join(root, entry)],
      outfile,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20.19',
      sourcemap: 'inline',
      logLevel: 'warning',
      // What looks for files of the project starts from where it lies, not from where the bundle does.
      define: { 'import.meta.dirname': JSON.stringify(dirname(join(root, entry))) },
    })
    await use(await import(pathToFileURL(outfile).href))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Whole numbers from the command line, by name, each with its default. Ends the process on anything else. */
export function readNumbers(defaults) {
  const options = Object.fromEntries(Object.keys(defaults).map((name) => [name, { type: 'string' }]))
  try {
    const { values } = parseArgs({ options })
    return Object.fromEntries(
      Object.entries(defaults).map(([name, value]) => {
        const number = values[name] === undefined ? value : Number(values[name])
        if (Number.isSafeInteger(number) && number >= 0) return [name, number]
        throw new Error(`--${name} takes a whole number, not '${values[name]}'`)
      }),
    )
  } catch (error) {
    console.error(error.message)
    process.exit(2)
  }
}

export const randomSeed = () => Math.floor(Math.random() * 2 ** 31)
