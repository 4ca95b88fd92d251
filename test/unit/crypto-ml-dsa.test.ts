/** ML-DSA-65: signatures of other nodes, keys, and whatever else comes as a signature. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  findOpenssl,
  generateKeyPair,
  keyPairOf,
  mlDsaProvider,
  nobleProvider,
  sign,
  verifySignature,
} from '../../src/crypto/ml-dsa.ts'
import { InputEvaluation } from '../../src/script/input-evaluation.ts'
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from '../../src/script/signature-check.ts'
import { SigningContext } from '../../src/script/signing-context.ts'
import { changesOf } from '../../testkit/changed-transactions.ts'
import { MAINNET_CHAIN_ID } from '../../testkit/scripts.ts'
import { checkOf, knownChecks, signedTransactions, spentScript, spoiled } from '../../testkit/signed.ts'

const openssl = findOpenssl()
const providers = openssl === undefined ? [nobleProvider] : [nobleProvider, openssl]

describe('signatures of other nodes', () => {
  it('spend outputs, one of them of a block before', () => {
    const [first] = signedTransactions()
    if (first === undefined) throw new Error('no transaction')
    const [script] = first.inputs.map(spentScript)
    if (script === undefined) throw new Error('no output')
    const evaluate = (chainId: number) => {
      const evaluation = InputEvaluation.start(new SigningContext(first, chainId), 0, script)
      if (evaluation.verdict.kind !== 'needs') return evaluation.verdict
      return evaluation.answer(verifySignature(evaluation.verdict.check))
    }
    expect(evaluate(MAINNET_CHAIN_ID)).toEqual({ kind: 'valid' })
    expect(evaluate(1_002)).toEqual({ kind: 'invalid', error: 'endedFalse' })
  })

  it.each(providers)('verify with $name, and no other bytes do', ({ verifies }) => {
    const checks = knownChecks()
    expect(checks).toHaveLength(5)
    expect(checks.map(verifies)).toEqual([true, true, true, true, true])
    const part = fc.constantFrom(
      { part: 'message', bytes: 32 } as const,
      { part: 'publicKey', bytes: PUBLIC_KEY_BYTES } as const,
      { part: 'signature', bytes: SIGNATURE_BYTES } as const,
    )
    fc.assert(
      fc.property(
        fc.constantFrom(...checks),
        part,
        fc.nat(),
        fc.nat(7),
        (check, { part, bytes }, at, bit) => {
          expect(verifies(spoiled(check, part, at % bytes, 1 << bit))).toBe(false)
        },
      ),
      { numRuns: 60 },
    )
  })

  it('are of inputs that there are', () => {
    const transaction = { version: 1, inputs: [], outputs: [], lockTime: 0 }
    expect(() => new SigningContext(transaction, 1).messageOf(0)).toThrow('there is no input 0')
  })

  it('cover every field of their transaction', () => {
    const [first] = signedTransactions()
    if (first === undefined) throw new Error('no transaction')
    const changes = changesOf(first)
    expect(changes.size).toBe(4 + 3 + 4)
    for (const [name, changed] of changes) expect(verifySignature(checkOf(changed)), name).toBe(false)
  })
})

describe('keys', () => {
  const seed = new Uint8Array(32).fill(3)
  const message = new Uint8Array(32).fill(4)

  it('of another length are refused', () => {
    expect(() => keyPairOf(new Uint8Array(33))).toThrow('4032 bytes, or 32 as a seed, not 33')
  })

  it('come from their seed alone, and sign', () => {
    const pair = generateKeyPair(seed)
    expect(pair.publicKey).toHaveLength(PUBLIC_KEY_BYTES)
    expect(pair.secretKey).toHaveLength(4_032)
    expect(generateKeyPair(seed)).toEqual(pair)
    const signature = sign(pair.secretKey, message)
    expect(sign(pair.secretKey, message)).not.toEqual(signature)
    for (const { verifies } of providers) {
      expect(verifies({ publicKey: pair.publicKey, signature, message })).toBe(true)
    }
  })
})

describe('verifySignature', () => {
  const [check] = knownChecks()
  if (check === undefined) throw new Error('no check')

  it.each([
    ['a short key', { publicKey: check.publicKey.subarray(1) }],
    ['a long key', { publicKey: new Uint8Array(PUBLIC_KEY_BYTES + 1).fill(5) }],
    ['no key', { publicKey: new Uint8Array(0) }],
    ['a short signature', { signature: check.signature.subarray(1) }],
    ['no signature', { signature: new Uint8Array(0) }],
    ['a key of zeros', { publicKey: new Uint8Array(PUBLIC_KEY_BYTES) }],
    ['a signature of 0xff', { signature: new Uint8Array(SIGNATURE_BYTES).fill(0xff) }],
    ['another message', { message: new Uint8Array(0) }],
  ])('refuses %s', (_, fields) => {
    expect(verifySignature({ ...check, ...fields })).toBe(false)
  })

  it('refuses any bytes', () => {
    const any = (n: number) => fc.uint8Array({ minLength: n, maxLength: n })
    fc.assert(
      fc.property(any(PUBLIC_KEY_BYTES), any(SIGNATURE_BYTES), any(32), (publicKey, signature, message) => {
        expect(verifySignature({ publicKey, signature, message })).toBe(false)
      }),
      { numRuns: 30 },
    )
  })

  it('uses OpenSSL where it knows how', () => {
    expect(mlDsaProvider()).toBe(openssl ?? nobleProvider)
  })
})
