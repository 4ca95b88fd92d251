/** Scripts as text, transactions to run them in, and evaluations with the answers at hand. */

import { concatBytes } from '../src/primitives/bytes.ts'
import { InputEvaluation, type InputVerdict } from '../src/script/input-evaluation.ts'
import { runScript, type ScriptError, type ScriptSteps } from '../src/script/interpreter.ts'
import { OP } from '../src/script/opcodes.ts'
import type { SignatureCheck } from '../src/script/signature-check.ts'
import { SigningContext } from '../src/script/signing-context.ts'
import { pushOf, pushOfNumber } from '../src/script/templates.ts'
import type { Transaction } from '../src/wire/transaction.ts'
import { hex } from './vectors.ts'

/**
 * Opcodes by name, bytes to push in angle brackets, numbers as they are, and bytes as they stand behind 0x:
 * "DUP HASH160 <0011> 5 0xff".
 */
export function assemble(text: string): Uint8Array {
  return concatBytes(
    text
      .split(/\s+/)
      .filter((word) => word !== '')
      .map(assembleWord),
  )
}

function assembleWord(word: string): Uint8Array {
  if (/^-?\d+$/.test(word)) return pushOfNumber(Number(word))
  if (word.startsWith('<')) return pushOf(hex(word.slice(1, -1)))
  if (word.startsWith('0x')) return hex(word.slice(2))
  const opcode = Object.entries(OP).find(([name]) => name === word)?.[1]
  if (opcode === undefined) throw new TypeError(`no opcode ${word}`)
  return Uint8Array.of(opcode)
}

/** One input that spends anything, one output. */
export function spending(
  fields: Partial<Transaction> & { scriptSig?: Uint8Array; sequence?: number } = {},
): Transaction {
  const { scriptSig = new Uint8Array(0), sequence = 0xffff_ffff, ...rest } = fields
  return {
    version: 1,
    inputs: [{ previousHash: new Uint8Array(32).fill(7), previousIndex: 0, scriptSig, sequence }],
    outputs: [{ value: 50_000n, scriptPubKey: Uint8Array.of(OP.RETURN) }],
    lockTime: 0,
    ...rest,
  }
}

export const MAINNET_CHAIN_ID = 1

export type Answers = (check: SignatureCheck) => boolean

/** Evaluates input 0 to the end. */
export function evaluate(
  transaction: Transaction,
  scriptPubKey: Uint8Array,
  answers: Answers = () => false,
): InputVerdict {
  const signing = new SigningContext(transaction, MAINNET_CHAIN_ID)
  const evaluation = InputEvaluation.start(signing, 0, scriptPubKey)
  for (let { verdict } = evaluation; ; verdict = evaluation.verdict) {
    if (verdict.kind !== 'needs') return verdict
    evaluation.answer(answers(verdict.check))
  }
}

/** Runs steps to the end. */
export function finish(steps: ScriptSteps, answers: Answers = () => false): ScriptError | undefined {
  let step = steps.next()
  while (step.done !== true) step = steps.next(answers(step.value))
  return step.value
}

/** Runs one script on an empty stack and returns what it left there, or why it failed. */
export function stackOf(
  script: Uint8Array,
  transaction = spending(),
  answers?: Answers,
): Uint8Array[] | ScriptError {
  const stack: Uint8Array[] = []
  const signing = new SigningContext(transaction, MAINNET_CHAIN_ID)
  return finish(runScript(script, stack, { signing, index: 0 }), answers) ?? stack
}
