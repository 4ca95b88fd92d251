/** The keys of a running wallet: what is told, what is kept, and what is secret. */
import { mkdir, mkdtemp, readdir, readFile, rm, rmdir, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { WalletKeys } from '../../src/node/wallet-keys.ts'
import { WalletStore } from '../../src/node/wallet-store.ts'
import { ADDRESS_GAP } from '../../src/params/wallet-limits.ts'
import { toHex } from '../../src/primitives/bytes.ts'
import { hash160 } from '../../src/primitives/sha3.ts'
import { encodeAddress } from '../../src/script/address.ts'
import { formatWalletFile, parseWalletFile } from '../../src/wallet/wallet-file.ts'
import { cheapSigner, openKeys, VAULT_COST } from '../../testkit/wallet.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'dilithion-wallet-'))
  cleanups.push(() => rm(dir, { recursive: true, force: true }))
  return dir
}

const entropy = new Uint8Array(32).fill(5)
const PASSPHRASE = 'five words nobody can guess'

describe('the keys of a wallet', () => {
  it('are made when asked for, and are the same again', async () => {
    const path = join(await folder(), 'wallet.json')
    const keys = await openKeys(path)
    expect(keys.exists).toBe(false)
    expect(await readdir(join(path, '..'))).toEqual([])
    await keys.create({ entropy, birthHeight: 12 })
    const told = [await keys.newAddress('receiving'), await keys.newAddress('receiving')]
    const change = await keys.newAddress('change')
    const again = await openKeys(path)
    expect(again.content.receiving.hashes.slice(0, again.content.receiving.told)).toEqual(told)
    expect(again.content.change.told).toBe(1)
    expect(again.own.find(told[1] ?? new Uint8Array())).toEqual({ kind: 'receiving', index: 1 })
    expect(again.own.find(change)).toEqual({ kind: 'change', index: 0 })
    expect(await again.newAddress('receiving')).not.toEqual(told[1])
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    const elsewhere = await openKeys(undefined)
    await elsewhere.create({ entropy, birthHeight: 0 })
    expect(await elsewhere.newAddress('receiving')).toEqual(told[0])
  })

  it('are watched beyond those that were told, and more when one of these is used', async () => {
    const keys = await openKeys(undefined)
    await keys.create({ entropy, birthHeight: 0 })
    expect(keys.content.receiving.hashes).toHaveLength(ADDRESS_GAP)
    await keys.newAddress('receiving')
    expect(keys.content.receiving.hashes).toHaveLength(ADDRESS_GAP + 1)
    expect(keys.areNews([{ kind: 'receiving', index: 0 }])).toBe(false)
    expect(keys.areNews([{ kind: 'receiving', index: 15 }])).toBe(true)
    await keys.noteUsed([{ kind: 'receiving', index: 15 }])
    expect(keys.areNews([{ kind: 'receiving', index: 15 }])).toBe(false)
    expect(keys.content.receiving).toMatchObject({ told: 16 })
    expect(keys.content.receiving.hashes).toHaveLength(16 + ADDRESS_GAP)
    expect(keys.own.size).toBe(16 + 2 * ADDRESS_GAP)
  })

  it('are told to nobody before they are on the disk', async () => {
    const path = join(await folder(), 'wallet.json')
    const keys = await openKeys(path)
    await keys.create({ entropy, birthHeight: 0 })
    const asked = Array.from({ length: 8 }, async () => {
      const hash = await keys.newAddress('receiving')
      const file = parseWalletFile(await readFile(path, 'utf8'))
      if (!file.ok) throw new Error(file.error)
      const { told, hashes } = file.value.receiving
      expect(hashes.slice(0, told).map(toHex)).toContain(toHex(hash))
      return toHex(hash)
    })
    expect(new Set(await Promise.all(asked)).size).toBe(8)
  })

  it('keep the address that is mined to', async () => {
    const path = join(await folder(), 'wallet.json')
    const keys = await openKeys(path)
    await keys.create({ entropy, birthHeight: 0 })
    await keys.newAddress('receiving')
    const mined = await keys.miningAddress()
    expect(await keys.miningAddress()).toEqual(mined)
    expect(await (await openKeys(path)).miningAddress()).toEqual(mined)
    expect(await keys.newAddress('receiving')).not.toEqual(mined)
  })

  it('are made once, whoever asks at the same time', async () => {
    const keys = await openKeys(undefined)
    await Promise.all([1, 2, 3].map(() => keys.ensure(() => 7)))
    expect(keys.content.birthHeight).toBe(7)
    await expect(keys.create({ birthHeight: 0 })).rejects.toThrow('there is a wallet already')
  })

  it('can be imported, in both forms', async () => {
    const path = join(await folder(), 'wallet.json')
    const keys = await openKeys(path)
    await keys.create({ entropy, birthHeight: 0 })
    const secrets = [new Uint8Array(32).fill(1), new Uint8Array(4_032).fill(2)]
    const hashes = (await cheapSigner.publicKeys(secrets)).map(hash160)
    for (const [i, secret] of secrets.entries()) await keys.importKey(secret, hashes[i] ?? new Uint8Array())
    await expect(keys.importKey(secrets[0] ?? entropy, hashes[0] ?? entropy)).rejects.toThrow('already')
    const again = await openKeys(path)
    const places = hashes.map((hash) => again.own.find(hash) ?? { kind: 'imported' as const, index: -1 })
    expect(places).toEqual([0, 1].map((index) => ({ kind: 'imported', index })))
    expect(again.privateKeys(places)).toEqual(secrets)
  })
})

describe('the file of a wallet', () => {
  it('is never written over when it is damaged', async () => {
    const path = join(await folder(), 'wallet.json')
    const keys = await openKeys(path)
    await keys.create({ entropy, birthHeight: 0 })
    const whole = await readFile(path, 'utf8')
    for (const text of ['', whole.slice(0, -20), whole.replace('"told": 0', '"told": 1'), '{}']) {
      await writeFile(path, text)
      await expect(openKeys(path)).rejects.toThrow(/damaged.*wallet\.json\.bak/)
      expect(await readFile(path, 'utf8')).toBe(text)
    }
  })

  it('has the one before beside it', async () => {
    const path = join(await folder(), 'wallet.json')
    const keys = await openKeys(path)
    await keys.create({ entropy, birthHeight: 0 })
    const first = await readFile(path, 'utf8')
    await keys.newAddress('receiving')
    expect(await readFile(`${path}.bak`, 'utf8')).toBe(first)
    const second = await readFile(path, 'utf8')
    await keys.newAddress('receiving')
    expect(await readFile(`${path}.bak`, 'utf8')).toBe(second)
    expect((await readdir(join(path, '..'))).sort()).toEqual(['wallet.json', 'wallet.json.bak'])
  })

  it('may lie elsewhere, with a link to it', async () => {
    const dir = await folder()
    const keys = await openKeys(join(dir, 'real.json'))
    await keys.create({ entropy, birthHeight: 0 })
    await symlink(join(dir, 'real.json'), join(dir, 'wallet.json'))
    await (await openKeys(join(dir, 'wallet.json'))).newAddress('receiving')
    expect((await openKeys(join(dir, 'real.json'))).content.receiving.told).toBe(1)
  })

  it('is not begun anew where a link to it leads nowhere', async () => {
    const dir = await folder()
    const path = join(dir, 'wallet.json')
    await symlink(join(dir, 'taken out', 'real.json'), path)
    await expect(openKeys(path)).rejects.toThrow('is a link to a file that is not there')
    expect(await readdir(dir)).toEqual(['wallet.json'])
  })

  it('leaves the backup of another wallet, which may be all there is of it', async () => {
    const dir = await folder()
    const path = join(dir, 'wallet.json')
    const keys = await openKeys(path)
    await keys.create({ entropy, birthHeight: 0 })
    await keys.newAddress('receiving')
    const backup = await readFile(`${path}.bak`, 'utf8')
    expect(await new WalletStore(path).strayBackup()).toBeUndefined()
    await rm(path)
    expect(await new WalletStore(path).strayBackup()).toBe(`${path}.bak`)
    const other = await openKeys(path)
    await other.create({ birthHeight: 0 })
    for (let i = 0; i < 3; i++) await other.newAddress('receiving')
    const kept = (await readdir(dir)).find((name) => name.startsWith('wallet.json.bak-')) ?? ''
    expect(await readFile(join(dir, kept), 'utf8')).toBe(backup)
  })

  it('says so when it can not be written, and nothing has happened then', async () => {
    const dir = await folder()
    const path = join(dir, 'wallet.json')
    const keys = await openKeys(path)
    await keys.create({ entropy, birthHeight: 0 })
    await rm(dir, { recursive: true })
    await expect(keys.newAddress('receiving')).rejects.toThrow("can't write the wallet file")
    expect(keys.content.receiving.told).toBe(0)
  })
})

describe('a wallet under a passphrase', () => {
  it('tells addresses and balances, but no keys', async () => {
    const path = join(await folder(), 'wallet.json')
    const keys = await openKeys(path)
    await keys.create({ entropy, birthHeight: 0 })
    const told = await keys.newAddress('receiving')
    await keys.encrypt(PASSPHRASE)
    expect(keys).toMatchObject({ isEncrypted: true, isLocked: true })
    expect(keys.own.find(told)).toBeDefined()
    expect(() => keys.privateKeys([{ kind: 'receiving', index: 0 }])).toThrow('locked')
    expect(() => keys.phrase()).toThrow('locked')
    const again = await openKeys(path)
    expect(again).toMatchObject({ isEncrypted: true, isLocked: true })
    await again.unlock(PASSPHRASE, 60)
    expect(again.isLocked).toBe(false)
    const [opened] = again.privateKeys([{ kind: 'receiving', index: 0 }])
    again.lock()
    expect(again.isLocked).toBe(true)
    expect(opened).toHaveLength(32)
  })

  it('leaves no secret in the file or in the one before', async () => {
    const dir = await folder()
    const path = join(dir, 'wallet.json')
    const keys = await openKeys(path)
    await keys.create({ entropy, birthHeight: 0 })
    const { phrase } = keys.phrase()
    const imported = new Uint8Array(32).fill(0xab)
    const [publicKey = entropy] = await cheapSigner.publicKeys([imported])
    await keys.importKey(imported, hash160(publicKey))
    await keys.encrypt(PASSPHRASE)
    for (const name of await readdir(dir)) {
      const text = await readFile(join(dir, name), 'utf8')
      expect(text).not.toContain(phrase)
      expect(text).not.toContain('abababab')
    }
    expect((await readdir(dir)).sort()).toEqual(['wallet.json', 'wallet.json.bak'])
    await keys.unlock(PASSPHRASE, 60)
    expect(keys.phrase().phrase).toBe(phrase)
    expect(keys.privateKeys([{ kind: 'imported', index: 0 }])).toEqual([imported])
  })

  it('has no secret in the one before from when it is in force, wherever a write ends', async () => {
    const path = join(await folder(), 'wallet.json')
    // Nothing can be put in place of a folder.
    for (const obstacle of ['wallet.json', 'wallet.json.bak']) {
      const keys = await openKeys(path)
      await keys.create({ entropy, birthHeight: 0 })
      await keys.newAddress('receiving')
      const { phrase } = keys.phrase()
      const before = await readFile(path, 'utf8')
      await rm(join(path, '..', obstacle))
      await mkdir(join(path, '..', obstacle))
      await expect(keys.encrypt(PASSPHRASE)).rejects.toThrow("can't write the wallet file")
      await rmdir(join(path, '..', obstacle))
      expect(keys.isEncrypted).toBe(false)
      // Had the process been killed there, the next one would find one of these.
      if (obstacle === 'wallet.json.bak') expect(await readFile(path, 'utf8')).toBe(before)
      else expect(await readFile(`${path}.bak`, 'utf8')).not.toContain(phrase)
      await rm(path, { force: true })
      await rm(`${path}.bak`, { force: true })
    }
  })

  it('gives out what was made before while it is locked, then asks to be unlocked', async () => {
    const keys = await openKeys(undefined)
    await keys.create({ entropy, birthHeight: 0 })
    await keys.encrypt(PASSPHRASE)
    const told: string[] = []
    for (let i = 0; i < ADDRESS_GAP; i++) told.push(encodeAddress(await keys.newAddress('receiving')))
    await expect(keys.newAddress('receiving')).rejects.toThrow('walletpassphrase')
    expect(keys.isFilled).toBe(false)
    await keys.unlock(PASSPHRASE, 60)
    expect(keys.isFilled).toBe(true)
    told.push(encodeAddress(await keys.newAddress('receiving')))
    expect(new Set(told).size).toBe(ADDRESS_GAP + 1)
  })

  it('takes new keys and a new passphrase', async () => {
    const path = join(await folder(), 'wallet.json')
    const keys = await openKeys(path)
    await keys.create({ entropy, birthHeight: 0 })
    await keys.encrypt(PASSPHRASE)
    const imported = new Uint8Array(32).fill(3)
    const [publicKey = entropy] = await cheapSigner.publicKeys([imported])
    await expect(keys.importKey(imported, hash160(publicKey))).rejects.toThrow('locked')
    await keys.unlock(PASSPHRASE, 60)
    await keys.importKey(imported, hash160(publicKey))
    await expect(keys.changePassphrase('something else', 'another one')).rejects.toThrow('wrong')
    await expect(keys.changePassphrase(PASSPHRASE, 'short')).rejects.toThrow('too short')
    await keys.changePassphrase(PASSPHRASE, 'another good one')
    expect(keys.isLocked).toBe(true)
    for (const name of [path, `${path}.bak`]) {
      const again = await openKeys(name)
      await expect(again.unlock(PASSPHRASE, 60)).rejects.toThrow('wrong')
      await again.unlock('another good one', 60)
      expect(again.privateKeys([{ kind: 'imported', index: 0 }])).toEqual([imported])
    }
  })

  it('stays locked, and keeps its secret, when it is locked while a key is imported', async () => {
    const dir = await folder()
    for (const moment of ['before the write', 'behind the write', 'a turn later']) {
      const path = join(dir, `${moment}.json`)
      let lock = async (): Promise<void> => undefined
      class Store extends WalletStore {
        override async write(...change: Parameters<WalletStore['write']>): Promise<void> {
          if (moment === 'before the write') await lock()
          await super.write(...change)
          if (moment !== 'before the write') void lock()
        }
      }
      const keys = new WalletKeys({ store: new Store(path), signer: cheapSigner, vaultCost: VAULT_COST })
      await keys.load()
      await keys.create({ entropy, birthHeight: 0 })
      const { phrase } = keys.phrase()
      await keys.encrypt(PASSPHRASE)
      await keys.unlock(PASSPHRASE, 600)
      const locked = new Promise<void>((resolve) => {
        lock = async () => {
          if (moment === 'a turn later') await nextTurn()
          keys.lock()
          resolve()
        }
      })
      const secret = new Uint8Array(32).fill(1)
      const [hash = entropy] = (await cheapSigner.publicKeys([secret])).map(hash160)
      await Promise.all([keys.importKey(secret, hash), locked])
      expect(keys.isLocked).toBe(true)
      expect(() => keys.phrase()).toThrow('locked')
      const again = await openKeys(path)
      await again.unlock(PASSPHRASE, 0)
      expect(again.phrase().phrase).toBe(phrase)
      expect(again.privateKeys([{ kind: 'imported', index: 0 }])).toEqual([secret])
    }
  })

  it('is refused once its addresses are not those of its keys', async () => {
    const path = join(await folder(), 'wallet.json')
    const keys = await openKeys(path)
    await keys.create({ entropy, birthHeight: 0 })
    await keys.newAddress('receiving')
    await keys.encrypt(PASSPHRASE)
    const { content } = keys
    const hashes = content.receiving.hashes.with(7, new Uint8Array(20).fill(1))
    await writeFile(path, formatWalletFile({ ...content, receiving: { ...content.receiving, hashes } }))
    const changed = await openKeys(path)
    await expect(changed.unlock(PASSPHRASE, 60)).rejects.toThrow('somebody has changed it')
    expect(changed.isLocked).toBe(true)
  })

  it('needs one that is worth the name, and only one', async () => {
    const keys = await openKeys(undefined)
    await expect(keys.encrypt(PASSPHRASE)).rejects.toThrow('there is no wallet yet')
    await keys.create({ entropy, birthHeight: 0 })
    await expect(keys.encrypt('aaaaaaaaaa')).rejects.toThrow('too simple')
    await expect(keys.unlock(PASSPHRASE, 60)).rejects.toThrow('not encrypted')
    await keys.encrypt(PASSPHRASE)
    await expect(keys.encrypt(PASSPHRASE)).rejects.toThrow('encrypted already')
    await expect(keys.unlock(`${PASSPHRASE}!`, 60)).rejects.toThrow('the passphrase is wrong')
  })
})
