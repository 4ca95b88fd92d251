/**
 * May this input spend that output? The scriptSig runs first, then the output's script on the stack that it left
 * (chain 7). An evaluation stops at each signature whose validity it needs to know; whoever has verified it answers,
 * and it goes on. P2PKH, all that is spent on mainnet, needs one answer and no interpreter.
 */
import { bytesEqual } from '../primitives/bytes.ts'
import { hash160 } from '../primitives/sha3.ts'
import { runScript, type ScriptContext, type ScriptError, type ScriptSteps } from './interpreter.ts'
import { isTrue } from './script-number.ts'
import { readLegacyScriptSig, readPushScriptSig, type SignedBy } from './script-sig.ts'
import { isHopeless, type SignatureCheck } from './signature-check.ts'
import type { SigningContext } from './signing-context.ts'
import { p2pkhHash } from './templates.ts'

export type InputVerdict =
  | { readonly kind: 'valid' }
  | { readonly kind: 'invalid'; readonly error: ScriptError }
  /** Verify this, and tell {@link InputEvaluation.answer}. */
  | { readonly kind: 'needs'; readonly check: SignatureCheck }

/** One input on its way to a verdict. Holds views of the transaction and of the output's script. */
export class InputEvaluation {
  #verdict: InputVerdict
  readonly #steps: ScriptSteps

  private constructor(steps: ScriptSteps) {
    this.#steps = steps
    this.#verdict = verdictOf(steps.next())
  }

  /** `scriptPubKey`: of the output that input `index` spends. Throws RangeError if there is no such input. */
  static start(signing: SigningContext, index: number, scriptPubKey: Uint8Array): InputEvaluation {
    const input = signing.transaction.inputs[index]
    if (input === undefined) throw new RangeError(`the transaction has no input ${index}`)
    return new InputEvaluation(stepsOf(input.scriptSig, scriptPubKey, { signing, index }))
  }

  get verdict(): InputVerdict {
    return this.#verdict
  }

  /** Goes on with the answer to the check that the verdict asks for. Throws if it asks for none. */
  answer(holds: boolean): InputVerdict {
    if (this.#verdict.kind !== 'needs') throw new Error('the evaluation waits for no signature')
    this.#verdict = verdictOf(this.#steps.next(holds))
    return this.#verdict
  }
}

/** The same without the short way for P2PKH: what tests compare it with. */
export function* interpretInput(
  scriptSig: Uint8Array,
  scriptPubKey: Uint8Array,
  context: ScriptContext,
): ScriptSteps {
  const legacy = readLegacyScriptSig(scriptSig)
  const stack = legacy === undefined ? [] : [legacy.signature, legacy.publicKey]
  const error =
    (legacy === undefined ? yield* runScript(scriptSig, stack, context) : undefined) ??
    (yield* runScript(scriptPubKey, stack, context))
  if (error !== undefined) return error
  const top = stack.at(-1)
  return top !== undefined && isTrue(top) ? undefined : 'endedFalse'
}

function stepsOf(scriptSig: Uint8Array, scriptPubKey: Uint8Array, context: ScriptContext): ScriptSteps {
  const hash = p2pkhHash(scriptPubKey)
  const pair = hash && (readLegacyScriptSig(scriptSig) ?? readPushScriptSig(scriptSig))
  if (hash === undefined || pair === undefined) return interpretInput(scriptSig, scriptPubKey, context)
  return p2pkhSteps(pair, hash, context)
}

function* p2pkhSteps(
  { signature, publicKey }: SignedBy,
  hash: Uint8Array,
  { signing, index }: ScriptContext,
): ScriptSteps {
  if (!bytesEqual(hash160(publicKey), hash)) return 'verifyFailed'
  const check = { publicKey, signature, message: signing.messageOf(index) }
  const holds: boolean = isHopeless(check) ? false : yield check
  return holds ? undefined : 'endedFalse'
}

function verdictOf(step: IteratorResult<SignatureCheck, ScriptError | undefined>): InputVerdict {
  if (step.done !== true) return { kind: 'needs', check: step.value }
  return step.value === undefined ? { kind: 'valid' } : { kind: 'invalid', error: step.value }
}
