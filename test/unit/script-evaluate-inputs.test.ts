import { describe, expect, it } from 'vitest'
import { concatBytes } from '../../src/primitives/bytes.ts'
import { evaluateInputs, type InputFailure } from '../../src/script/evaluate-inputs.ts'
import { InputEvaluation } from '../../src/script/input-evaluation.ts'
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from '../../src/script/signature-check.ts'
import { SigningContext } from '../../src/script/signing-context.ts'
import { pushOf } from '../../src/script/templates.ts'
import { assemble, MAINNET_CHAIN_ID, spending } from '../../testkit/scripts.ts'

const signing = new SigningContext(spending(), MAINNET_CHAIN_ID)
const start = (script: Uint8Array): InputEvaluation => InputEvaluation.start(signing, 0, script)

/** Pushes a signature of that byte and a key, and asks whether it holds. */
const asking = (byte: number): Uint8Array =>
  concatBytes([
    pushOf(new Uint8Array(SIGNATURE_BYTES).fill(byte)),
    pushOf(new Uint8Array(PUBLIC_KEY_BYTES).fill(9)),
    assemble('CHECKSIG'),
  ])

/** The first bytes of the signatures asked for in each round, and what came of it. */
function run(
  scripts: readonly Uint8Array[],
  holds: readonly number[],
): { rounds: number[][]; failure: InputFailure | undefined } {
  const rounds: number[][] = []
  const steps = evaluateInputs(scripts.map(start))
  for (let step = steps.next(); ; ) {
    if (step.done === true) return { rounds, failure: step.value }
    const asked = step.value.map(({ signature }) => signature[0] ?? 0)
    rounds.push(asked)
    step = steps.next(asked.map((byte) => holds.includes(byte)))
  }
}

describe('inputs', () => {
  it('are asked about together', () => {
    const scripts = [asking(1), assemble('1'), asking(2), asking(3)]
    expect(run(scripts, [1, 2, 3])).toEqual({ rounds: [[1, 2, 3]], failure: undefined })
    expect(run(scripts, [1, 3])).toEqual({ rounds: [[1, 2, 3]], failure: { at: 2, error: 'endedFalse' } })
  })

  it('are not asked about where one fails without', () => {
    expect(run([asking(1), assemble('RETURN')], [1])).toEqual({
      rounds: [],
      failure: { at: 1, error: 'returned' },
    })
  })

  it('may need another round for some of them', () => {
    const either = concatBytes([asking(1), assemble('NOTIF'), asking(2), assemble('ELSE 1 ENDIF')])
    expect(run([either, asking(3)], [1, 3])).toEqual({ rounds: [[1, 3]], failure: undefined })
    expect(run([either, asking(3)], [2, 3])).toEqual({ rounds: [[1, 3], [2]], failure: undefined })
    expect(run([asking(3), either], [3])).toEqual({
      rounds: [[3, 1], [2]],
      failure: { at: 1, error: 'endedFalse' },
    })
  })

  it('may be none', () => {
    expect(run([], [])).toEqual({ rounds: [], failure: undefined })
  })
})
