/**
 * From a recovery phrase to key seeds (validation 9): a tree of hardened keys by HMAC-SHA3-512. What it gives are
 * secrets: whoever has a node of the tree has all keys below it.
 */
import { createHmac, pbkdf2 } from 'node:crypto'
import { normalPhrase } from './mnemonic.ts'

const ITERATIONS = 2_048
const SEED_BYTES = 64
const HASH = 'sha3-512'
const SALT = 'dilithion-mnemonic'
const MASTER_KEY = 'Dilithion seed'
const PURPOSE = 44
const COIN_TYPE = 573
const HARDENED = 0x8000_0000

export interface TreeKey {
  /** 32 bytes, from which an ML-DSA-65 key pair is made. */
  readonly keySeed: Uint8Array
  /** 32 bytes. */
  readonly chainCode: Uint8Array
}

/** 64 bytes, in some milliseconds. The phrase is not checked, the passphrase may be empty. */
export function seedOf(phrase: string, passphrase: string): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const salt = SALT + passphrase
    pbkdf2(normalPhrase(phrase), salt, ITERATIONS, SEED_BYTES, HASH, (error, seed) => {
      if (error === null) resolve(new Uint8Array(seed))
      else reject(error)
    })
  })
}

/** The root of the tree. */
export function masterKey(seed: Uint8Array): TreeKey {
  return split(createHmac(HASH, MASTER_KEY).update(seed).digest())
}

/** Child `index`, from 0, always hardened. Throws RangeError beyond 31 bits. */
export function childKey(parent: TreeKey, index: number): TreeKey {
  if (!Number.isInteger(index) || index < 0 || index >= HARDENED) throw new RangeError(`no child ${index}`)
  const number = new Uint8Array(4)
  new DataView(number.buffer).setUint32(0, index + HARDENED)
  return split(createHmac(HASH, parent.chainCode).update(parent.keySeed).update(number).digest())
}

/** The node m/44'/573'/account'/change', whose children are the keys of addresses. Change 0 is for addresses given out. */
export function addressChain(master: TreeKey, account: number, change: number): TreeKey {
  return [PURPOSE, COIN_TYPE, account, change].reduce(childKey, master)
}

/** How people write the place of a key. */
export function formatPath(account: number, change: number, index: number): string {
  return `m/${PURPOSE}'/${COIN_TYPE}'/${account}'/${change}'/${index}'`
}

function split(digest: Uint8Array): TreeKey {
  const key = {
    keySeed: new Uint8Array(digest.subarray(0, 32)),
    chainCode: new Uint8Array(digest.subarray(32)),
  }
  digest.fill(0)
  return key
}
