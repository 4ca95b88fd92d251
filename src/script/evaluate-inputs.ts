/**
 * Many inputs at once, such as those of a block: all signatures that they need to know about are asked for together,
 * so that they can be verified side by side. P2PKH needs one round; other scripts go on with the answers and may need
 * more, at most as many as their opcodes.
 */
import type { InputEvaluation } from './input-evaluation.ts'
import type { ScriptError } from './interpreter.ts'
import type { SignatureCheck } from './signature-check.ts'

export interface InputFailure {
  /** Which of the evaluations failed. */
  readonly at: number
  readonly error: ScriptError
}

/** Yields checks, is given their answers in the same order, and returns a failure, or undefined if all may spend. */
export function* evaluateInputs(
  evaluations: readonly InputEvaluation[],
): Generator<SignatureCheck[], InputFailure | undefined, readonly boolean[]> {
  for (;;) {
    const open: InputEvaluation[] = []
    const checks: SignatureCheck[] = []
    for (const [at, evaluation] of evaluations.entries()) {
      const { verdict } = evaluation
      if (verdict.kind === 'invalid') return { at, error: verdict.error }
      if (verdict.kind === 'valid') continue
      open.push(evaluation)
      checks.push(verdict.check)
    }
    if (open.length === 0) return undefined
    const answers = yield checks
    for (const [i, evaluation] of open.entries()) evaluation.answer(answers[i] === true)
  }
}
