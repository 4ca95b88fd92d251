import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readCredentials, resolveTarget, type SettingName } from '../../src/cli/client/settings.ts'
import { defaultDataDir } from '../../src/node/data-dir.ts'
import { testnet } from '../../src/params/networks.ts'

let dir = ''
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'dilithion-cli-'))
})
afterEach(() => rm(dir, { recursive: true, force: true }))

const resolve = (line: Partial<Record<SettingName, string>>, env: NodeJS.ProcessEnv = {}) => {
  const given = Object.entries({ datadir: dir, ...line }) as [SettingName, string][]
  return resolveTarget(new Map(given), env)
}
const config = (text: string) => writeFile(join(dir, 'dilithion.conf'), text)

describe('where the node is', () => {
  it('depends on the network', async () => {
    expect(await resolve({})).toMatchObject({ host: '127.0.0.1', port: 8_332, login: undefined })
    expect(await resolve({ testnet: '1' })).toMatchObject({ port: 18_332 })
    expect(await resolve({ regtest: '1' })).toMatchObject({ port: 28_332, cookieFile: join(dir, '.cookie') })
    await expect(resolve({ regtest: '1', testnet: '1' })).rejects.toThrow(/exclude each other/)
  })

  it('is taken from the command line before the environment before the file before the default', async () => {
    await config('RPCPORT=1003\n')
    expect((await resolve({ rpcport: '1001' }, { DILITHION_RPCPORT: '1002' })).port).toBe(1_001)
    expect((await resolve({}, { DILITHION_RPCPORT: '1002' })).port).toBe(1_002)
    expect((await resolve({}, { DILITHION_RPCPORT: '' })).port).toBe(1_003)
    expect((await resolve({ testnet: '0' }, { DILITHION_TESTNET: '1' })).network.name).toBe('mainnet')
  })

  it('is read from the file of the data directory, where other keys do not matter', async () => {
    await config('# mine\ntestnet=1\nrpcport=5\nrpcport=6\ndatadir=/elsewhere\nmine=1\nunheard\n')
    const target = await resolve({})
    expect(target).toMatchObject({ network: testnet, port: 6, cookieFile: join(dir, '.cookie') })
    expect((await resolve({ testnet: '0' })).network.name).toBe('mainnet')
  })

  it('uses the data directory of the environment or of the network', async () => {
    expect((await resolveTarget(new Map(), { DILITHION_DATADIR: dir })).cookieFile).toBe(join(dir, '.cookie'))
    const { cookieFile } = await resolveTarget(new Map([['testnet', '1']]), {})
    expect(cookieFile).toBe(join(defaultDataDir(testnet), '.cookie'))
  })

  it('takes a port with the host, unless there is an rpcport', async () => {
    expect(await resolve({ rpcconnect: 'node.example:7' })).toMatchObject({ host: 'node.example', port: 7 })
    expect(await resolve({ rpcconnect: '[::1]:7', rpcport: '8' })).toMatchObject({ host: '::1', port: 8 })
  })

  it('is refused where it makes no sense, with the place', async () => {
    for (const rpcport of ['0', '65536', 'x', '-1']) {
      await expect(resolve({ rpcport })).rejects.toThrow(
        `--rpcport: expected a port from 1 to 65535, got '${rpcport}'`,
      )
    }
    await expect(resolve({ rpcconnect: 'a b' })).rejects.toThrow(/--rpcconnect: expected an address/)
    await expect(resolve({ rpcconnect: '' })).rejects.toThrow(/--rpcconnect: expected a value/)
    await expect(resolve({}, { DILITHION_TESTNET: 'yes' })).rejects.toThrow(
      /DILITHION_TESTNET: expected 0 or 1/,
    )
    await config('regtest=maybe')
    await expect(resolve({})).rejects.toThrow(`'regtest' in ${join(dir, 'dilithion.conf')}: expected 0 or 1`)
    await rm(join(dir, 'dilithion.conf'))
    await mkdir(join(dir, 'dilithion.conf'))
    await expect(resolve({})).rejects.toThrow(/can't read .*dilithion\.conf/)
  })
})

describe('the login', () => {
  it('is user and password, from wherever each is', async () => {
    await config('rpcpassword=secret\n')
    const target = await resolve({}, { DILITHION_RPCUSER: 'alice' })
    expect(await readCredentials(target)).toEqual({ user: 'alice', password: 'secret' })
    await expect(resolve({})).rejects.toThrow(/belong together/)
  })

  it('is in the cookie file otherwise', async () => {
    await writeFile(join(dir, '.cookie'), '__cookie__:12:34\n')
    expect(await readCredentials(await resolve({}))).toEqual({ user: '__cookie__', password: '12:34' })
    await writeFile(join(dir, 'other'), 'a:b')
    expect(await readCredentials(await resolve({ rpccookiefile: 'other' }))).toEqual({
      user: 'a',
      password: 'b',
    })
  })

  it('is asked for with the path where it was looked for', async () => {
    const target = await resolve({})
    const path = join(dir, '.cookie')
    await expect(readCredentials(target)).rejects.toThrow(`can't read ${path} (no such file or directory)`)
    await writeFile(path, 'nonsense')
    await expect(readCredentials(target)).rejects.toThrow(`${path} is not a cookie file`)
  })
})
