/** Every opcode and limit of the interpreter (chain 7.2). */
import { describe, expect, it } from 'vitest'
import { concatBytes, toHex } from '../../src/primitives/bytes.ts'
import { hash160, sha3_256 } from '../../src/primitives/sha3.ts'
import type { ScriptError } from '../../src/script/interpreter.ts'
import { OP } from '../../src/script/opcodes.ts'
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES, type SignatureCheck } from '../../src/script/signature-check.ts'
import { SigningContext } from '../../src/script/signing-context.ts'
import { pushOf } from '../../src/script/templates.ts'
import { assemble, evaluate, MAINNET_CHAIN_ID, spending, stackOf } from '../../testkit/scripts.ts'

/** The stack as hex, bottom first, or the error. */
function run(script: string | Uint8Array): string | ScriptError {
  const stack = stackOf(typeof script === 'string' ? assemble(script) : script)
  return typeof stack === 'string' ? stack : stack.map((element) => toHex(element) || '-').join(' ')
}

const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(0x55)
const opcodes = (opcode: number, count: number): Uint8Array => new Uint8Array(count).fill(opcode)

describe('pushes', () => {
  it.each([
    ['', ''],
    ['0 1 16 -1', '- 01 10 81'],
    ['<aabb>', 'aabb'],
    ['0x4c02aabb', 'aabb'],
    ['0x4d0200aabb', 'aabb'],
    ['0x4e02000000aabb', 'aabb'],
    ['0x4c00', '-'],
    ['0x0101', '01'],
  ])('"%s" leaves "%s"', (script, stack) => {
    expect(run(script)).toBe(stack)
  })

  it.each([
    '0x01',
    '0x4b',
    '0x02aa',
    '0x4c',
    '0x4c01',
    '0x4d',
    '0x4d01',
    '0x4d0100',
    '0x4e010000',
    '0x4e01000000',
  ])('"%s" ends too early', (script) => {
    expect(run(script)).toBe('truncatedPush')
  })

  it('have at most 5,300 bytes', () => {
    expect(run(pushOf(bytes(5_300)))).toBe('55'.repeat(5_300))
    expect(run(pushOf(bytes(5_301)))).toBe('elementTooLong')
    expect(run('0x4effffffff')).toBe('elementTooLong')
  })

  it('count where they are not executed', () => {
    expect(run(concatBytes([assemble('0 IF'), pushOf(bytes(5_301)), assemble('ENDIF')]))).toBe(
      'elementTooLong',
    )
    expect(run('0 IF 0x05aa')).toBe('truncatedPush')
  })
})

describe('opcodes', () => {
  it.each([
    ['1 2 DROP', '01'],
    ['7 DUP', '07 07'],
    ['1 2 3 SWAP', '01 03 02'],
    ['<aabbcc> SIZE', 'aabbcc 03'],
    ['0 SIZE', '- -'],
    ['1 2 NOP', '01 02'],
    ['NOP1 NOP4 0xb4 0xb5 0xb6 0xb7 0xb8 NOP10 1', '01'],
    ['1 VERIFY', ''],
    ['<aa> <aa> EQUAL', '01'],
    ['<aa> <ab> EQUAL', '-'],
    ['<aa> <aa00> EQUAL', '-'],
    ['3 <aa> <aa> EQUALVERIFY', '03'],
    ['<aa> SHA3_256', toHex(sha3_256(Uint8Array.of(0xaa)))],
    ['<aa> HASH160', toHex(hash160(Uint8Array.of(0xaa)))],
    ['0 SHA3_256', toHex(sha3_256(new Uint8Array(0)))],
  ])('"%s" leaves "%s"', (script, stack) => {
    expect(run(script)).toBe(stack)
  })

  it('leave a long size as a number', () => {
    expect(run(concatBytes([pushOf(bytes(300)), assemble('SIZE SWAP DROP')]))).toBe('2c01')
  })

  it.each<[string, ScriptError]>([
    ['DROP', 'missingElement'],
    ['DUP', 'missingElement'],
    ['1 SWAP', 'missingElement'],
    ['SIZE', 'missingElement'],
    ['VERIFY', 'missingElement'],
    ['1 EQUAL', 'missingElement'],
    ['1 EQUALVERIFY', 'missingElement'],
    ['SHA3_256', 'missingElement'],
    ['HASH160', 'missingElement'],
    ['1 CHECKSIG', 'missingElement'],
    ['CHECKLOCKTIMEVERIFY', 'missingElement'],
    ['CHECKSEQUENCEVERIFY', 'missingElement'],
    ['0 VERIFY', 'verifyFailed'],
    ['<000080> VERIFY', 'verifyFailed'],
    ['1 2 EQUALVERIFY', 'verifyFailed'],
    ['1 RETURN', 'returned'],
  ])('"%s" fails: %s', (script, error) => {
    expect(run(script)).toBe(error)
  })

  const known = new Set<number>(Object.values(OP))
  const others = Array.from({ length: 256 }, (_, i) => i).filter(
    (i) => i >= 0x50 && !known.has(i) && !(i > OP.TRUE && i < OP.PUSH16) && !(i > OP.NOP4 && i < OP.NOP10),
  )

  it('are no others than those of the table', () => {
    expect(others.length).toBe(256 - 0x50 - 16 - 26)
    for (const opcode of others) {
      const operands = assemble('1 1 1 1')
      expect(run(concatBytes([operands, Uint8Array.of(opcode)]))).toBe('unknownOpcode')
      const skipped = concatBytes([assemble('0 IF'), Uint8Array.of(opcode), assemble('ENDIF')])
      expect(run(skipped)).toBe('')
    }
  })
})

describe('conditionals', () => {
  it.each([
    ['1 IF 2 ELSE 3 ENDIF', '02'],
    ['0 IF 2 ELSE 3 ENDIF', '03'],
    ['1 NOTIF 2 ELSE 3 ENDIF', '03'],
    ['0 NOTIF 2 ELSE 3 ENDIF', '02'],
    ['0 IF 2 ENDIF', ''],
    ['<000080> IF 2 ELSE 3 ENDIF', '03'],
    ['<02> IF 2 ELSE 3 ENDIF', '02'],
    ['1 IF 2 ELSE 3 ELSE 4 ELSE 5 ENDIF', '02 04'],
    ['0 IF 2 ELSE 3 ELSE 4 ELSE 5 ENDIF', '03 05'],
    ['1 1 IF IF 2 ELSE 3 ENDIF ELSE 4 ENDIF', '02'],
    ['0 1 IF IF 2 ELSE 3 ENDIF ELSE 4 ENDIF', '03'],
    ['0 IF IF 2 ELSE 3 ENDIF ELSE 4 ENDIF', '04'],
    ['0 IF 1 NOTIF 2 ELSE 3 ENDIF 5 ELSE 4 ENDIF', '04'],
    ['0 IF RETURN VERIFY DROP CHECKSIG ENDIF 1', '01'],
  ])('"%s" leaves "%s"', (script, stack) => {
    expect(run(script)).toBe(stack)
  })

  it.each([
    'IF 1 ENDIF',
    'NOTIF 1 ENDIF',
    '1 IF',
    '1 IF 1 ELSE',
    'ELSE',
    'ENDIF',
    '1 IF ENDIF ENDIF',
    '1 IF 1 IF ENDIF',
  ])('"%s" does not match up', (script) => {
    expect(run(script)).toBe('unbalancedConditional')
  })
})

describe('limits', () => {
  it('a script has at most 20,000 bytes', () => {
    // 3 pushes of 5,299 and one that fills up to the limit, each with three bytes in front.
    const filled = (last: number) => concatBytes([5_299, 5_299, 5_299, last].map((n) => pushOf(bytes(n))))
    expect(filled(4_091)).toHaveLength(20_000)
    expect(stackOf(filled(4_091))).toHaveLength(4)
    expect(run(filled(4_092))).toBe('scriptTooLong')
  })

  it('at most 201 opcodes count, pushes and small numbers do not', () => {
    expect(run(opcodes(OP.NOP, 201))).toBe('')
    expect(run(opcodes(OP.NOP, 202))).toBe('tooManyOpcodes')
    expect(stackOf(opcodes(OP.PUSH16, 900))).toHaveLength(900)
    const within = (count: number) =>
      concatBytes([assemble('0 IF'), opcodes(OP.NOP, count), assemble('ENDIF')])
    expect(run(within(199))).toBe('')
    expect(run(within(200))).toBe('tooManyOpcodes')
  })

  it('a stack has at most 1,000 elements', () => {
    expect(stackOf(opcodes(OP.TRUE, 1_000))).toHaveLength(1_000)
    expect(run(opcodes(OP.TRUE, 1_001))).toBe('stackTooDeep')
    expect(run(concatBytes([opcodes(OP.TRUE, 1_000), assemble('DUP DROP')]))).toBe('stackTooDeep')
    const swapped = concatBytes([opcodes(OP.TRUE, 1_000), assemble('SWAP')])
    expect(stackOf(swapped)).toHaveLength(1_000)
  })
})

describe('CHECKSIG', () => {
  const signature = bytes(SIGNATURE_BYTES)
  const publicKey = bytes(PUBLIC_KEY_BYTES)
  const script = (s: Uint8Array, k: Uint8Array) => concatBytes([pushOf(s), pushOf(k), assemble('CHECKSIG')])

  it('asks for the check and leaves the answer', () => {
    const asked: SignatureCheck[] = []
    const answer = (holds: boolean) => (check: SignatureCheck) => asked.push(check) > 0 && holds
    expect(stackOf(script(signature, publicKey), spending(), answer(true))).toEqual([Uint8Array.of(1)])
    expect(stackOf(script(signature, publicKey), spending(), answer(false))).toEqual([new Uint8Array(0)])
    const message = new SigningContext(spending(), MAINNET_CHAIN_ID).messageOf(0)
    expect(asked).toEqual([
      { publicKey, signature, message },
      { publicKey, signature, message },
    ])
  })

  it.each([
    ['a short signature', signature.subarray(1), publicKey],
    ['an empty signature', new Uint8Array(0), publicKey],
    ['a long key', signature, bytes(PUBLIC_KEY_BYTES + 1)],
    ['an empty key', signature, new Uint8Array(0)],
    ['a signature of zeros', new Uint8Array(SIGNATURE_BYTES), publicKey],
    ['a signature of ones', new Uint8Array(SIGNATURE_BYTES).fill(0xff), publicKey],
    ['a key of zeros', signature, new Uint8Array(PUBLIC_KEY_BYTES)],
    ['a key of ones', signature, new Uint8Array(PUBLIC_KEY_BYTES).fill(0xff)],
  ])('knows without asking that %s is wrong', (_, s, k) => {
    const refuse = () => {
      throw new Error('asked')
    }
    expect(stackOf(script(s, k), spending(), refuse)).toEqual([new Uint8Array(0)])
  })

  it('goes on with either answer, as often as needed', () => {
    const pair = concatBytes([pushOf(signature), pushOf(publicKey)])
    const branches = concatBytes([pair, assemble('CHECKSIG NOTIF'), pair, assemble('CHECKSIG ELSE 5 ENDIF')])
    const answers =
      (...list: boolean[]) =>
      () =>
        list.shift() ?? false
    expect(evaluate(spending(), branches, answers(true))).toEqual({ kind: 'valid' })
    expect(evaluate(spending(), branches, answers(false, true))).toEqual({ kind: 'valid' })
    expect(evaluate(spending(), branches, answers(false, false))).toEqual({
      kind: 'invalid',
      error: 'endedFalse',
    })
  })
})
