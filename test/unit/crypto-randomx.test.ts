/** Proof of work with the real library: what it computes must be what the network computes. */
import { afterAll, describe, expect, it } from 'vitest'
import { createPowHasher, type PowHasherOptions } from '../../src/crypto/create-pow-hasher.ts'
import { isBelow, withNonce } from '../../src/crypto/nonce-scan.ts'
import type { PowHasher } from '../../src/crypto/pow-hasher.ts'
import { hashFromHex, hashToHex } from '../../src/primitives/bytes.ts'
import { UserError } from '../../src/primitives/errors.ts'
import { type HashVector, hex, loadProofOfWork } from '../../testkit/vectors.ts'

const vectors = loadProofOfWork()
const mainnetKey = { kind: 'randomx', key: vectors.mainnetKey } as const

const hashers: PowHasher[] = []
afterAll(() => Promise.all(hashers.map((hasher) => hasher.close())))

function hasherOf(options: PowHasherOptions): PowHasher {
  const hasher = createPowHasher(options)
  hashers.push(hasher)
  return hasher
}

function known({ header, hash }: HashVector): { header: Uint8Array; hash: Uint8Array } {
  return { header: hex(header), hash: hashFromHex(hash) ?? new Uint8Array(0) }
}

const mainnet = hasherOf({ algorithm: mainnetKey, known: known(vectors.mainnet), threads: 2 })

async function hashesOf(hasher: PowHasher, blocks: readonly HashVector[], urgent = false): Promise<string[]> {
  const hashes = await hasher.hash(
    blocks.map(({ header }) => hex(header)),
    urgent,
  )
  return hashes.map(hashToHex)
}

describe('RandomX', () => {
  it('gives the first block of mainnet its hash', async () => {
    expect(mainnet.mode).toBe('randomx (not used yet)')
    const hashed = hashesOf(mainnet, [vectors.mainnet])
    expect(mainnet.mode).toBe('randomx (starting)')
    expect(await hashed).toEqual([vectors.mainnet.hash])
    expect(mainnet.mode).toBe('randomx light')
  })

  it('gives the first block of the v1.0 testnet its hash, by another key', async () => {
    const testnet = hasherOf({ algorithm: { kind: 'randomx', key: hex('44696c697468696f6e') } })
    expect(vectors.testnetKey).toBe('Dilithion')
    expect(await hashesOf(testnet, [vectors.testnet])).toEqual([vectors.testnet.hash])
    await testnet.close()
  })

  it('gives blocks of another node their hashes, in order, on two threads', async () => {
    const hashes = await hashesOf(mainnet, vectors.easier)
    expect(hashes).toEqual(vectors.easier.map(({ hash }) => hash))
    expect(mainnet.hashesPerSecond).toBeGreaterThan(0)
  })

  it('hands out hashes that are the callers own', async () => {
    const [first] = await mainnet.hash([hex(vectors.mainnet.header)], true)
    first?.fill(0)
    expect(await hashesOf(mainnet, [vectors.mainnet, vectors.mainnet])).toEqual([
      vectors.mainnet.hash,
      vectors.mainnet.hash,
    ])
  })

  it('searches a nonce', async () => {
    const target = new Uint8Array(32).fill(0xff)
    target[31] = 0x40
    const header = hex(vectors.mainnet.header)
    const nonce = await mainnet.scan({ header, startNonce: 0, count: 2 ** 32, target })
    const hashes = await mainnet.hash(
      Array.from({ length: (nonce ?? 0) + 1 }, (_, i) => withNonce(header, i)),
      true,
    )
    expect(hashes.map((hash) => isBelow(hash, target))).toEqual([...hashes.slice(1).map(() => false), true])
  })

  it('refuses what is no header', async () => {
    await expect(mainnet.hash([new Uint8Array(144)], false)).rejects.toThrow(RangeError)
  })
})

describe('RandomX that cannot be used', () => {
  it('says what to do about a path that leads nowhere, and tries again', async () => {
    const hasher = hasherOf({ algorithm: mainnetKey, libraryPath: './no-such-library.so' })
    for (const time of ['first', 'second']) {
      const error = await hasher.hash([hex(vectors.mainnet.header)], true).catch((e: unknown) => e)
      expect(error, time).toBeInstanceOf(UserError)
      expect(String(error)).toMatch(
        /^UserError: the library RandomX can't be loaded from \.\/no-such-library\.so: [^\n]+$/,
      )
      expect(hasher.mode).toBe('randomx missing')
    }
  })
})
