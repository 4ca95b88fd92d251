/**
 * Do the inputs of transactions satisfy the scripts of the outputs that they spend? Scripts run here; the signatures
 * they depend on are verified elsewhere, all of one round together.
 */
import { InputEvaluation } from '../script/input-evaluation.ts'
import type { SignatureCheck } from '../script/signature-check.ts'
import { SigningContext } from '../script/signing-context.ts'
import type { Transaction } from '../wire/transaction.ts'
import type { Coin } from './coin.ts'
import { type Fault, fault } from './faults.ts'
import type { Job } from './io.ts'
import { Pace } from './pace.ts'
import { rest, verifySignatures } from './requests.ts'

/** Bytes of scripts that are run, or hashed, in what {@link Pace} counts as one. */
const BYTES_PER_WORK = 64

/** A transaction and what its inputs spend, in their order. */
export interface SpendingTransaction {
  readonly transaction: Transaction
  readonly coins: readonly Coin[]
}

interface Open {
  readonly evaluation: InputEvaluation
  readonly check: SignatureCheck
  readonly where: string
}

/** The first input that may not spend what it spends, if there is one. */
export function* checkScripts(
  spending: readonly SpendingTransaction[],
  chainId: number,
): Job<Fault | undefined> {
  let open: Open[] = []
  const pace = new Pace()
  for (const [i, { transaction, coins }] of spending.entries()) {
    const signing = new SigningContext(transaction, chainId)
    for (const [index, { script }] of coins.entries()) {
      const wrong = collect(
        InputEvaluation.start(signing, index, script),
        spending.length === 1 ? `input ${index}` : `transaction ${i + 1}, input ${index}`,
        open,
      )
      if (wrong !== undefined) return wrong
      const { length } = transaction.inputs[index]?.scriptSig ?? script
      if (pace.isOver(1 + (script.length + length) / BYTES_PER_WORK)) yield* rest()
    }
  }
  while (open.length > 0) {
    const answers = yield* verifySignatures(open.map(({ check }) => check))
    const asked = open
    open = []
    for (const [i, { evaluation, where }] of asked.entries()) {
      evaluation.answer(answers[i] === true)
      const wrong = collect(evaluation, where, open)
      if (wrong !== undefined) return wrong
      if (pace.isOver(1)) yield* rest()
    }
  }
  return undefined
}

/** Puts an evaluation that needs an answer with the others; says if it has failed. */
function collect(evaluation: InputEvaluation, where: string, open: Open[]): Fault | undefined {
  const { verdict } = evaluation
  if (verdict.kind === 'needs') open.push({ evaluation, check: verdict.check, where })
  if (verdict.kind !== 'invalid') return undefined
  return fault('block-script-verify-flag-failed', `${where}: ${verdict.error}`)
}
