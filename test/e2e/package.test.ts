/** The package as it is installed: what is in it, what a strict compiler makes of it, and what a bundler leaves out. */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const run = promisify(execFile)
const ROOT = resolve(import.meta.dirname, '../..')

/** A program of somebody else, beside whom this package is installed. */
const CONSUMER = `
import {
  type BlockMessage, type Client, type ConnectOptions, connect, decodePayload, DilithionNode, type KnownTransaction,
  knownTransaction, openChain, regtest, type Result, type Transaction, txidOf, type TxMessage, UserError,
} from 'dilithion'

export const options: ConnectOptions = { network: 'regtest', host: 'localhost', startHeight: 7 }
export const client: Promise<Client> = connect(options)
const decoded = decodePayload('tx', new Uint8Array(60))
export const transaction: Transaction | undefined = decoded.ok ? decoded.value.transaction : undefined
export const error: string | undefined = decoded.ok ? undefined : decoded.error.field
export const message: Result<TxMessage | BlockMessage, unknown> = decoded
export const ids = (t: Transaction): [Uint8Array, KnownTransaction] => [txidOf(t), knownTransaction(t)]
export async function main(): Promise<void> {
  const chain = await openChain({ network: regtest })
  const node = new DilithionNode({ network: regtest, chain, wallet: {}, onEvent: (e) => void e.type.length })
  const balance = await node.wallet?.balance()
  if (balance !== undefined && balance.confirmed < 0) throw new UserError('never')
}
`

let dir = ''

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'dilithion-package-'))
  await mkdir(join(dir, 'node_modules/@types'), { recursive: true })
  await symlink(ROOT, join(dir, 'node_modules/dilithion'))
  await symlink(join(ROOT, 'node_modules/@types/node'), join(dir, 'node_modules/@types/node'))
  await writeFile(join(dir, 'package.json'), '{ "type": "module" }')
  await writeFile(join(dir, 'consumer.ts'), CONSUMER)
})

afterAll(async () => {
  await rm(dir, { recursive: true })
})

describe('package', () => {
  it('contains the library, the programs and what explains them, and nothing else', async () => {
    const args = ['pack', '--dry-run', '--json', '--ignore-scripts']
    const { stdout } = await run('npm', args, { cwd: ROOT, maxBuffer: 16_000_000 })
    const [pack] = JSON.parse(stdout) as { files: { path: string }[] }[]
    const paths = pack?.files.map(({ path }) => path) ?? []
    for (const wanted of [
      'dist/lib/index.js',
      'dist/lib/index.d.ts',
      'dist/lib/crypto/signature-worker.js',
      'dist/bin/dilithion-node.js',
      'dist/bin/signature-worker.js',
      'dist/bin/dilithion-cli.js',
      join('examples', 'list-peers.mjs'),
    ]) {
      expect(paths).toContain(wanted)
    }
    const rest = paths.filter((path) => !/^(dist\/(bin|lib)|docs|examples)\/[^.]/.test(path))
    expect(rest.sort()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'SECURITY.md', 'package.json'])
    // What only the programs use is bundled with them.
    expect(paths.filter((path) => /^dist\/lib\/(cli|rpc|telemetry)\//.test(path))).toEqual([])
  })

  it.each([
    ['node16', 'node16'],
    ['esnext', 'bundler'],
  ])(
    'has types that a strict program can use: module %s, resolution %s',
    async (module, moduleResolution) => {
      const compilerOptions = {
        module,
        moduleResolution,
        target: 'es2022',
        lib: ['es2023'],
        strict: true,
        noUncheckedIndexedAccess: true,
        exactOptionalPropertyTypes: true,
        noEmit: true,
        types: ['node'],
      }
      const project = join(dir, `tsconfig.${module}.json`)
      await writeFile(project, JSON.stringify({ compilerOptions, files: ['consumer.ts'] }))
      const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
      const { stdout } = await run(process.execPath, [tsc, '-p', project]).catch((error) => error)
      expect(stdout).toBe('')
    },
  )

  it('leaves nothing behind of what a program does not use: the codec needs no other package', async () => {
    const contents = `
      import { decodePayload, FrameDecoder, mainnet } from 'dilithion'
      console.log(new FrameDecoder(mainnet.magic), decodePayload)`
    const { metafile } = await build({
      stdin: { contents, resolveDir: dir },
      bundle: true,
      format: 'esm',
      platform: 'node',
      write: false,
      metafile: true,
      outdir: dir,
      preserveSymlinks: true,
    })
    const [output] = Object.values(metafile.outputs)
    const used = Object.keys(output?.inputs ?? {}).map((path) => path.split('node_modules/').at(-1) ?? '')
    const rooms = new Set(used.map((path) => path.match(/^dilithion\/dist\/lib\/(\w+)\//)?.[1] ?? path))
    expect([...rooms].sort()).toEqual(
      ['<stdin>', 'dilithion/dist/lib/index.js', 'framing', 'params', 'primitives', 'script', 'wire'].sort(),
    )
  })
})
