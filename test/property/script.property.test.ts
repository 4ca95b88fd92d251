/** Whatever bytes come as scripts, they are judged within bounds, and the short way for P2PKH judges alike. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeBase58, encodeBase58 } from '../../src/primitives/base58.ts'
import { concatBytes, toHex } from '../../src/primitives/bytes.ts'
import { hash160 } from '../../src/primitives/sha3.ts'
import { decodeAddress, encodeAddress } from '../../src/script/address.ts'
import { interpretInput } from '../../src/script/input-evaluation.ts'
import { OP } from '../../src/script/opcodes.ts'
import { decodeScriptNumber, encodeScriptNumber } from '../../src/script/script-number.ts'
import { legacyScriptSig } from '../../src/script/script-sig.ts'
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from '../../src/script/signature-check.ts'
import { SigningContext } from '../../src/script/signing-context.ts'
import { classifyScript, p2pkhScript, pushOf } from '../../src/script/templates.ts'
import type { Transaction } from '../../src/wire/transaction.ts'
import { bytes, hash, i32, u32, u64 } from '../../testkit/arbitraries.ts'
import { changesOf } from '../../testkit/changed-transactions.ts'
import { evaluate, finish, MAINNET_CHAIN_ID, spending } from '../../testkit/scripts.ts'

/** Bytes that often mean something: known opcodes, pushes, anything. */
const scriptish = fc
  .array(
    fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom(...Object.values(OP)).map((opcode) => Uint8Array.of(opcode)) },
      { weight: 3, arbitrary: bytes(6).map(pushOf) },
      { weight: 1, arbitrary: fc.constantFrom(SIGNATURE_BYTES, PUBLIC_KEY_BYTES, 5_301).map(filler) },
      { weight: 1, arbitrary: bytes(4) },
    ),
    { maxLength: 40 },
  )
  .map(concatBytes)
const script = fc.oneof(scriptish, bytes(60))

function filler(length: number): Uint8Array {
  return pushOf(new Uint8Array(length).fill(1))
}

describe('scripts', () => {
  it('of any bytes come to a verdict, the same each time', () => {
    const kinds = new Set<string>()
    fc.assert(
      fc.property(
        script,
        script,
        u32,
        u32,
        i32,
        fc.boolean(),
        (scriptSig, scriptPubKey, lockTime, sequence, version, holds) => {
          const transaction = spending({ scriptSig, lockTime, sequence, version })
          const verdict = evaluate(transaction, scriptPubKey, () => holds)
          kinds.add(verdict.kind === 'invalid' ? verdict.error : verdict.kind)
          expect(evaluate(transaction, scriptPubKey, () => holds)).toEqual(verdict)
          classifyScript(scriptPubKey)
        },
      ),
      { numRuns: 2_000 },
    )
    // The inputs reach into the interpreter rather than failing at its door.
    for (const kind of ['valid', 'endedFalse', 'locked', 'unbalancedConditional', 'missingElement']) {
      expect(kinds).toContain(kind)
    }
  })
})

/** Pairs of a signature and a key, some of them of the wrong size or uniform, in either form or damaged. */
const part = (length: number) =>
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.nat(255).map((seed) => Uint8Array.from({ length }, (_, i) => (seed + i * 31) & 0xff)),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom(0x00, 0xff, 0x01).map((byte) => new Uint8Array(length).fill(byte)),
    },
  )
const pair = fc.record({ signature: part(SIGNATURE_BYTES), publicKey: part(PUBLIC_KEY_BYTES) })
const damage = fc.option(
  fc.record({
    at: fc.constantFrom(0, 1, 2, 3, 3_310, 3_311, 3_312, 3_313, 3_314, 3_315, 5_264, 5_266),
    byte: fc.nat(255),
  }),
  { nil: undefined },
)

describe('the short way for P2PKH', () => {
  it('judges as the interpreter does', () => {
    const kinds = new Set<string>()
    fc.assert(
      fc.property(
        pair,
        fc.boolean(),
        damage,
        fc.boolean(),
        fc.boolean(),
        (signed, isLegacy, harm, isPaid, holds) => {
          const whole = isLegacy
            ? legacyScriptSig(signed)
            : concatBytes([pushOf(signed.signature), pushOf(signed.publicKey)])
          const scriptSig =
            harm === undefined || harm.at >= whole.length ? whole : whole.with(harm.at, harm.byte)
          const scriptPubKey = p2pkhScript(hash160(isPaid ? signed.publicKey : signed.signature))
          const transaction = spending({ scriptSig })
          const signing = new SigningContext(transaction, MAINNET_CHAIN_ID)
          const asked: string[][] = [[], []]
          const answers = (to: number) => (check: object) => {
            asked[to]?.push(...Object.values(check).map(toHex))
            return holds
          }
          const verdict = evaluate(transaction, scriptPubKey, answers(0))
          const error = finish(interpretInput(scriptSig, scriptPubKey, { signing, index: 0 }), answers(1))
          expect(verdict).toEqual(error === undefined ? { kind: 'valid' } : { kind: 'invalid', error })
          expect(asked[0]).toEqual(asked[1])
          kinds.add(error ?? 'valid')
        },
      ),
      { numRuns: 400 },
    )
    for (const kind of ['valid', 'endedFalse', 'verifyFailed']) expect(kinds).toContain(kind)
  })
})

const fullTransaction: fc.Arbitrary<Transaction> = fc.record({
  version: i32,
  inputs: fc.array(
    fc.record({ previousHash: hash, previousIndex: u32, scriptSig: bytes(50), sequence: u32 }),
    { minLength: 1, maxLength: 4 },
  ),
  outputs: fc.array(fc.record({ value: u64, scriptPubKey: bytes(50) }), { minLength: 1, maxLength: 4 }),
  lockTime: u32,
})

describe('what an input signs', () => {
  const message = (transaction: Transaction, index = 0, chainId = MAINNET_CHAIN_ID): string =>
    toHex(new SigningContext(transaction, chainId).messageOf(index))

  it('changes with every field that is covered, and with no scriptSig', () => {
    fc.assert(
      fc.property(fullTransaction, bytes(20), (transaction, scriptSig) => {
        const own = message(transaction)
        for (const [name, changed] of changesOf(transaction)) expect(message(changed), name).not.toBe(own)
        const twice = { ...transaction, inputs: [...transaction.inputs, ...transaction.inputs] }
        expect(message(twice, transaction.inputs.length)).not.toBe(message(twice))
        expect(message(transaction, 0, MAINNET_CHAIN_ID + 1)).not.toBe(own)
        const inputs = transaction.inputs.map((input) => ({ ...input, scriptSig }))
        expect(message({ ...transaction, inputs })).toBe(own)
      }),
      { numRuns: 300 },
    )
  })
})

describe('numbers and addresses', () => {
  it('read back as they were written', () => {
    fc.assert(
      fc.property(fc.integer({ min: -(2 ** 39 - 1), max: 2 ** 39 - 1 }), (value) => {
        const encoded = encodeScriptNumber(value)
        expect(encoded.length).toBeLessThanOrEqual(5)
        expect(decodeScriptNumber(encoded)).toBe(value === 0 ? 0 : value)
      }),
    )
    fc.assert(fc.property(bytes(40), (data) => void expect(decodeBase58(encodeBase58(data))).toEqual(data)))
    fc.assert(
      fc.property(bytes(20, 20), (hash20) => {
        const address = encodeAddress(hash20)
        expect(address).toMatch(/^D[1-9A-HJ-NP-Za-km-z]{33}$/)
        expect(decodeAddress(address)).toEqual({ ok: true, value: hash20 })
      }),
    )
  })

  it('of any text are judged', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), (text) => {
        const decoded = decodeAddress(text)
        if (decoded.ok) expect(encodeAddress(decoded.value)).toBe(text)
      }),
    )
  })

  it('differ by more than a character', () => {
    fc.assert(
      fc.property(
        bytes(20, 20),
        fc.nat(33),
        fc.constantFrom(...'123456789ABCDEFGHJKLMNPQRSTUVWXYZ'),
        (data, at, character) => {
          const address = encodeAddress(data)
          const typo = address.slice(0, at) + character + address.slice(at + 1)
          if (typo !== address) expect(decodeAddress(typo).ok).toBe(false)
        },
      ),
    )
  })
})
