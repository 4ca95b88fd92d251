/** How node and client come to the network of a chain file. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { resolveTarget } from '../../src/cli/client/settings.ts'
import { resolveConfig } from '../../src/node/config.ts'

const EXAMPLE = fileURLToPath(new URL('../../examples/eased-mainnet.chain.json', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'dilithion-chain-file-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let folders = 0
/** A data directory with a configuration file in it. */
function configured(text: string): string {
  const path = join(folder, String(++folders))
  mkdirSync(path)
  writeFileSync(join(path, 'dilithion.conf'), text)
  return path
}

/** Both programs, which read the same settings. */
const programs = [
  {
    program: 'dilithion-node',
    networkOf: async (line: Record<string, string>, env: NodeJS.ProcessEnv = {}) => {
      const options = Object.entries(line).map(([name, value]) => [name, [value]] as const)
      return (await resolveConfig(new Map(options) as Parameters<typeof resolveConfig>[0], env)).network
    },
  },
  {
    program: 'dilithion-cli',
    networkOf: async (line: Record<string, string>, env: NodeJS.ProcessEnv = {}) => {
      const settings = new Map(Object.entries(line)) as Parameters<typeof resolveTarget>[0]
      return (await resolveTarget(settings, env)).network
    },
  },
]

describe.each(programs)('$program', ({ networkOf }) => {
  it('takes a chain file from the command line, the environment and dilithion.conf', async () => {
    const datadir = configured('')
    const networks = [
      await networkOf({ datadir, 'chain-file': EXAMPLE }),
      await networkOf({ datadir }, { DILITHION_CHAIN_FILE: EXAMPLE }),
      await networkOf({ datadir: configured(`chain-file=${EXAMPLE}`) }),
    ]
    expect(networks.map(({ name }) => name)).toEqual(Array(3).fill('eased-mainnet'))
  })

  it('looks for the file of dilithion.conf beside it', async () => {
    const datadir = configured('chain-file=own.json')
    await expect(networkOf({ datadir })).rejects.toThrow(
      `can't read the chain file ${join(datadir, 'own.json')}: no such file or directory`,
    )
    writeFileSync(join(datadir, 'own.json'), '{"name": "own"}')
    await expect(networkOf({ datadir })).rejects.toThrow(
      `chain file ${join(datadir, 'own.json')}: magic is missing: expected text such as "0xd1714102"`,
    )
  })

  it('joins one network only', async () => {
    const datadir = configured('')
    const file = { datadir, 'chain-file': EXAMPLE }
    await expect(networkOf({ ...file, regtest: '1' })).rejects.toThrow(
      'regtest and chain-file exclude each other: choose one',
    )
    await expect(networkOf(file, { DILITHION_TESTNET: '1' })).rejects.toThrow(
      'testnet and chain-file exclude each other: choose one',
    )
    expect((await networkOf({ ...file, regtest: '0' })).name).toBe('eased-mainnet')
    await expect(networkOf({ datadir, 'chain-file': '' })).rejects.toThrow('--chain-file: expected a value')
  })
})

describe('the files of such a network', () => {
  it('lie in a folder of its own', async () => {
    const config = await resolveConfig(new Map([['chain-file', [EXAMPLE]]]), {})
    const dataDir = join(homedir(), '.dilithion-eased')
    expect(config).toMatchObject({ dataDir, port: 8_444, rpcPort: 8_332, automatic: undefined })
    const target = await resolveTarget(new Map([['chain-file', EXAMPLE]]), {})
    expect(target.cookieFile).toBe(join(dataDir, '.cookie'))
  })
})
