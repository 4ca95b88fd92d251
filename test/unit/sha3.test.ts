import { spawnSync } from 'node:child_process'
import { hash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  messageChecksum,
  rememberPings,
  sha3_256,
  sha3_256d,
  sha3Word,
  WASM_MAX_BYTES,
} from '../../src/primitives/sha3.ts'

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url))
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const reference = (data: Uint8Array): Buffer => hash('sha3-256', data, 'buffer')

// Bytes that differ from lane to lane and from block to block.
const sample = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 167 + (i >> 8)) & 0xff)

function expectAgreement(data: Uint8Array): void {
  const once = reference(data)
  const twice = reference(once)
  expect(hex(sha3_256(data)), `length ${data.length}`).toBe(once.toString('hex'))
  expect(hex(sha3_256d(data)), `length ${data.length}`).toBe(twice.toString('hex'))
  expect(messageChecksum(data), `length ${data.length}`).toBe(twice.readUInt32LE(0))
  expect(sha3Word(data), `length ${data.length}`).toBe(once.readUInt32LE(0))
}

describe('sha3_256', () => {
  it.each([
    ['the empty input', '', 'a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a'],
    ['abc', '616263', '3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532'],
    ['200 bytes a3', 'a3'.repeat(200), '79f38adec5c20307a98ef76e8324afbfd46cfd81b22e3973c65fa1bd9de31787'],
  ])('gives the FIPS 202 example digest of %s', (_, input, digest) => {
    expect(hex(sha3_256(Buffer.from(input, 'hex')))).toBe(digest)
  })

  it('returns a fresh plain array that later calls leave alone', () => {
    for (const data of [sample(3), sample(WASM_MAX_BYTES + 1)]) {
      for (const digestOf of [sha3_256, sha3_256d]) {
        const digest = digestOf(data)
        const before = hex(digest)
        digestOf(sample(200))
        expect(digest.constructor).toBe(Uint8Array)
        expect(digest.buffer.byteLength).toBe(32)
        expect(hex(digest)).toBe(before)
      }
    }
  })

  it('reads a view inside a larger buffer and leaves it unchanged', () => {
    const buffer = sample(400)
    const view = buffer.subarray(131, 131 + 137)
    expectAgreement(view)
    expect(buffer).toEqual(sample(400))
  })
})

describe('agreement with node:crypto', () => {
  it('holds for every length from 0 to 600', () => {
    for (let length = 0; length <= 600; length++) expectAgreement(sample(length))
  })

  it('holds in descending order too, so no padding is left over from a longer input', () => {
    for (let length = 600; length >= 0; length--) expectAgreement(sample(length))
  })

  it('holds around the length where the implementation changes', () => {
    for (let length = WASM_MAX_BYTES - 140; length <= WASM_MAX_BYTES + 140; length++)
      expectAgreement(sample(length))
  })

  it('holds for long inputs', () => {
    for (const length of [10_000, 65_535, 65_536, 1_000_000]) expectAgreement(sample(length))
  })

  it('holds for random data', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: WASM_MAX_BYTES + 300, size: 'max' }), expectAgreement))
  })
})

describe('messageChecksum', () => {
  it('of an empty payload is a1 29 2c 11 on the wire', () => {
    expect(messageChecksum(new Uint8Array(0))).toBe(0x112c29a1)
  })

  it('is never negative', () => {
    const data = Uint8Array.of(0)
    while (((reference(reference(data))[3] ?? 0) & 0x80) === 0) data[0] = (data[0] ?? 0) + 1
    expect(messageChecksum(data)).toBeGreaterThan(0x7fffffff)
  })

  it('of a nonce is its own, whichever nonces were hashed and remembered before', () => {
    rememberPings()
    const nonces = [0, 1, 0x0800, 0xffff_f800].flatMap((low) =>
      [0, 1, 0x8000_0000].map((high) => Buffer.from(Uint32Array.of(low, high).buffer)),
    )
    for (const nonce of [...nonces, ...nonces.toReversed(), ...nonces])
      for (let again = 0; again < 2; again++) expectAgreement(nonce)
  })
})

describe('the WebAssembly module', () => {
  afterEach(() => {
    vi.unstubAllGlobals()
  })

  it('is what its generator writes', () => {
    const { status, stderr } = spawnSync(process.execPath, [path('../../scripts/keccak-wasm.mjs'), '--check'])
    expect(status, stderr.toString()).toBe(0)
  })

  it('is replaced by node:crypto where WebAssembly is switched off', async () => {
    vi.stubGlobal('WebAssembly', undefined)
    vi.resetModules()
    const fallback = await import('../../src/primitives/sha3.ts')
    expect(fallback.messageChecksum).not.toBe(messageChecksum)
    for (const data of [sample(0), sample(137), sample(WASM_MAX_BYTES + 1)]) {
      expect(fallback.sha3_256(data)).toEqual(sha3_256(data))
      expect(fallback.sha3_256d(data)).toEqual(sha3_256d(data))
      expect(fallback.messageChecksum(data)).toBe(messageChecksum(data))
      expect(fallback.sha3Word(data)).toBe(sha3Word(data))
    }
  })
})
