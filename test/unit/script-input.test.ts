/** Which inputs may spend which outputs (chain 6.1, 7.1, 7.3). */
import { describe, expect, it } from 'vitest'
import { concatBytes, fromHex, toHex } from '../../src/primitives/bytes.ts'
import { hash160, sha3_256 } from '../../src/primitives/sha3.ts'
import { ByteWriter } from '../../src/primitives/writer.ts'
import { InputEvaluation } from '../../src/script/input-evaluation.ts'
import { legacyScriptSig, readLegacyScriptSig, readPushScriptSig } from '../../src/script/script-sig.ts'
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES, type SignatureCheck } from '../../src/script/signature-check.ts'
import { SigningContext } from '../../src/script/signing-context.ts'
import { htlcClaim, htlcRefund, htlcScript, p2pkhScript, pushOf } from '../../src/script/templates.ts'
import { type Transaction, writeTransaction } from '../../src/wire/transaction.ts'
import { assemble, evaluate, MAINNET_CHAIN_ID, spending } from '../../testkit/scripts.ts'

const signature = Uint8Array.from({ length: SIGNATURE_BYTES }, (_, i) => i & 0xff)
const publicKey = Uint8Array.from({ length: PUBLIC_KEY_BYTES }, (_, i) => (i * 7) & 0xff)
const legacy = legacyScriptSig({ signature, publicKey })
const pushes = concatBytes([pushOf(signature), pushOf(publicKey)])
const toKey = p2pkhScript(hash160(publicKey))
const yes = () => true
const refuse = () => {
  throw new Error('asked')
}

describe('what an input signs', () => {
  const transaction: Transaction = {
    ...spending({ version: -2, lockTime: 9 }),
    inputs: [0, 1, 2].map((i) => ({
      previousHash: new Uint8Array(32).fill(i),
      previousIndex: i,
      scriptSig: legacy.subarray(0, 100 * i),
      sequence: 5 + i,
    })),
  }

  it('is the hash of the bare transaction, its index, the version and the chain', () => {
    const stripped = new ByteWriter()
    const inputs = transaction.inputs.map((input) => ({ ...input, scriptSig: new Uint8Array(0) }))
    writeTransaction(stripped, { ...transaction, inputs })
    const signing = new SigningContext(transaction, 1_002)
    for (const index of [2, 0, 1]) {
      const tail = fromHex(`0${index}000000feffffffea030000`) ?? new Uint8Array(0)
      const preimage = concatBytes([sha3_256(stripped.view()), tail])
      expect(preimage).toHaveLength(44)
      expect(toHex(signing.messageOf(index))).toBe(toHex(sha3_256(preimage)))
    }
  })
})

describe('the two forms of a scriptSig', () => {
  it('hold a signature and a key', () => {
    expect(legacy).toHaveLength(5_265)
    expect(toHex(legacy.subarray(0, 2))).toBe('ed0c')
    expect(pushes).toHaveLength(5_267)
    expect(readLegacyScriptSig(legacy)).toEqual({ signature, publicKey })
    expect(readPushScriptSig(pushes)).toEqual({ signature, publicKey })
    expect(readLegacyScriptSig(pushes)).toBeUndefined()
    expect(readPushScriptSig(legacy)).toBeUndefined()
  })

  it('are known by their first bytes and their size', () => {
    const changed = (bytes: Uint8Array, at: number) => bytes.with(at, (bytes[at] ?? 0) ^ 1)
    for (const at of [0, 1]) expect(readLegacyScriptSig(changed(legacy, at))).toBeUndefined()
    for (const at of [0, 1, 2, 3_312, 3_313, 3_314]) {
      expect(readPushScriptSig(changed(pushes, at))).toBeUndefined()
    }
    for (const read of [readLegacyScriptSig, readPushScriptSig]) {
      expect(read(legacy.subarray(1))).toBeUndefined()
      expect(read(pushes.subarray(1))).toBeUndefined()
      expect(read(concatBytes([legacy, Uint8Array.of(0x61)]))).toBeUndefined()
      expect(read(concatBytes([pushes, Uint8Array.of(0x61)]))).toBeUndefined()
      expect(read(new Uint8Array(0))).toBeUndefined()
    }
  })

  it('need a signature and a key of the right size', () => {
    expect(() => legacyScriptSig({ signature: signature.subarray(1), publicKey })).toThrow(RangeError)
    expect(() => legacyScriptSig({ signature, publicKey: publicKey.subarray(1) })).toThrow(RangeError)
  })

  it('mean the same whatever the second length of the legacy form says', () => {
    const odd = legacy.with(2 + SIGNATURE_BYTES, 0)
    expect(evaluate(spending({ scriptSig: odd }), toKey, yes)).toEqual({ kind: 'valid' })
  })
})

describe('P2PKH', () => {
  it.each([
    ['legacy', legacy],
    ['pushes', pushes],
    ['pushes of another form', concatBytes([assemble('NOP'), pushes])],
    ['pushes above something else', concatBytes([assemble('0'), pushes])],
  ])('is spent by its key and a signature: %s', (_, scriptSig) => {
    const asked: SignatureCheck[] = []
    const transaction = spending({ scriptSig })
    const answer = (holds: boolean) => (check: SignatureCheck) => asked.push(check) > 0 && holds
    expect(evaluate(transaction, toKey, answer(true))).toEqual({ kind: 'valid' })
    expect(evaluate(transaction, toKey, answer(false))).toEqual({ kind: 'invalid', error: 'endedFalse' })
    const message = new SigningContext(transaction, MAINNET_CHAIN_ID).messageOf(0)
    expect(asked).toEqual(Array(2).fill({ publicKey, signature, message }))
  })

  it.each([
    ['another key', legacy, p2pkhScript(hash160(signature)), 'verifyFailed'],
    ['nothing', new Uint8Array(0), toKey, 'missingElement'],
    ['a key alone', pushOf(publicKey), toKey, 'missingElement'],
    ['swapped', concatBytes([pushOf(publicKey), pushOf(signature)]), toKey, 'verifyFailed'],
    ['a short legacy form', legacy.subarray(0, -1), toKey, 'unknownOpcode'],
    ['an open conditional', concatBytes([pushes, assemble('1 IF')]), toKey, 'unbalancedConditional'],
    ['a conditional across both', assemble('1 IF'), assemble('ENDIF 1'), 'unbalancedConditional'],
    ['more than a scriptSig may have', new Uint8Array(20_001), toKey, 'scriptTooLong'],
    ['a false element', assemble('1'), assemble('0'), 'endedFalse'],
    ['an empty stack', new Uint8Array(0), new Uint8Array(0), 'endedFalse'],
  ])('is not spent by %s', (_, scriptSig, scriptPubKey, error) => {
    expect(evaluate(spending({ scriptSig }), scriptPubKey, refuse)).toEqual({ kind: 'invalid', error })
  })

  it.each([
    ['signature', 0x00],
    ['signature', 0xff],
    ['publicKey', 0x00],
    ['publicKey', 0xff],
  ] as const)('is not spent by a %s of %i alone, and nobody is asked', (part, byte) => {
    const pair = { signature, publicKey }
    const uniform = { ...pair, [part]: new Uint8Array(pair[part].length).fill(byte) }
    const script = p2pkhScript(hash160(uniform.publicKey))
    const scriptSig = legacyScriptSig(uniform)
    expect(evaluate(spending({ scriptSig }), script, refuse)).toEqual({
      kind: 'invalid',
      error: 'endedFalse',
    })
  })
})

describe('other scripts', () => {
  it('take the legacy form as two pushes', () => {
    const transaction = spending({ scriptSig: legacy })
    expect(evaluate(transaction, assemble('DROP SIZE DROP'))).toEqual({ kind: 'valid' })
    const equal = concatBytes([pushOf(publicKey), assemble('EQUAL')])
    expect(evaluate(transaction, equal)).toEqual({ kind: 'valid' })
  })

  it('that carry data are never spent', () => {
    const verdict = evaluate(spending({ scriptSig: assemble('1') }), assemble('RETURN <aa>'))
    expect(verdict).toEqual({ kind: 'invalid', error: 'returned' })
  })

  const preimage = new Uint8Array(32).fill(9)
  const terms = {
    preimageHash: sha3_256(preimage),
    claimHash: hash160(publicKey),
    refundHash: hash160(publicKey),
    timeoutHeight: 1_000,
  }
  const open = { sequence: 0, lockTime: 1_000 }

  it.each([
    ['claimed with the preimage', terms, htlcClaim(signature, publicKey, preimage), {}, undefined],
    [
      'not claimed with another',
      terms,
      htlcClaim(signature, publicKey, preimage.with(0, 0)),
      {},
      'verifyFailed',
    ],
    ['refunded in time', terms, htlcRefund(signature, publicKey), open, undefined],
    ['not refunded too early', terms, htlcRefund(signature, publicKey), { ...open, lockTime: 999 }, 'locked'],
    ['not refunded when final', terms, htlcRefund(signature, publicKey), { lockTime: 1_000 }, 'locked'],
    [
      'not claimed by another key',
      { ...terms, claimHash: hash160(preimage) },
      htlcClaim(signature, publicKey, preimage),
      {},
      'verifyFailed',
    ],
    [
      'not refunded to another key',
      { ...terms, refundHash: hash160(preimage) },
      htlcRefund(signature, publicKey),
      open,
      'verifyFailed',
    ],
  ])('HTLC: %s', (_, contract, scriptSig, fields, error) => {
    const transaction = spending({ ...fields, scriptSig })
    const verdict = evaluate(transaction, htlcScript(contract), yes)
    expect(verdict).toEqual(error === undefined ? { kind: 'valid' } : { kind: 'invalid', error })
    if (error === undefined) {
      expect(evaluate(transaction, htlcScript(contract)).kind).toBe('invalid')
    }
  })
})

describe('an evaluation', () => {
  it('is of an input that exists', () => {
    expect(() => InputEvaluation.start(new SigningContext(spending(), 1), 1, toKey)).toThrow(RangeError)
  })

  it('takes answers only to what it asked', () => {
    const evaluation = InputEvaluation.start(new SigningContext(spending({ scriptSig: legacy }), 1), 0, toKey)
    expect(evaluation.verdict.kind).toBe('needs')
    expect(evaluation.answer(true)).toEqual({ kind: 'valid' })
    expect(evaluation.verdict).toEqual({ kind: 'valid' })
    expect(() => evaluation.answer(true)).toThrow('waits for no signature')
  })
})
