/**
 * The interpreter (chain 7.2). A script runs as a generator: it yields each signature that it needs to know about
 * and is told whether it verifies. Nothing in a script can make it throw; time and memory are bounded by the limits
 * on script, elements, stack and opcodes.
 */
import {
  MAX_SCRIPT_BYTES,
  MAX_SCRIPT_ELEMENT_BYTES,
  MAX_SCRIPT_OPCODES,
  MAX_SCRIPT_STACK,
} from '../params/limits.ts'
import { bytesEqual } from '../primitives/bytes.ts'
import { hash160, sha3_256 } from '../primitives/sha3.ts'
import { lockTimeReached, sequenceReached } from './locks.ts'
import { OP } from './opcodes.ts'
import { encodeScriptNumber, isTrue } from './script-number.ts'
import { isHopeless, type SignatureCheck } from './signature-check.ts'
import type { SigningContext } from './signing-context.ts'

export type ScriptError =
  /** The script, or an element that it pushes, is longer than allowed; too many elements or opcodes. */
  | 'scriptTooLong'
  | 'elementTooLong'
  | 'stackTooDeep'
  | 'tooManyOpcodes'
  /** A push goes beyond the end. */
  | 'truncatedPush'
  /** An opcode that nobody knows or that always fails. */
  | 'unknownOpcode'
  /** An opcode finds fewer elements than it takes. */
  | 'missingElement'
  /** IF, ELSE and ENDIF don't match. */
  | 'unbalancedConditional'
  | 'returned'
  | 'verifyFailed'
  /** CHECKLOCKTIMEVERIFY or CHECKSEQUENCEVERIFY: the time has not come, or their number is none. */
  | 'locked'
  /** It ends with an empty stack, or with a false element on top. */
  | 'endedFalse'

/** Where a script runs: which input of which transaction. */
export interface ScriptContext {
  readonly signing: SigningContext
  readonly index: number
}

/** Yields what must be known, is given the answers, and returns why it failed, if it did. */
export type ScriptSteps = Generator<SignatureCheck, ScriptError | undefined, boolean>

const TRUE = Uint8Array.of(1)
const FALSE = new Uint8Array(0)
const MINUS_ONE = Uint8Array.of(0x81)

/** Runs one script on `stack`, which it changes. */
export function* runScript(script: Uint8Array, stack: Uint8Array[], context: ScriptContext): ScriptSteps {
  if (script.length > MAX_SCRIPT_BYTES) return 'scriptTooLong'
  const branches = new Branches()
  let opcodes = 0
  for (let at = 0; at < script.length; ) {
    const opcode = script[at] ?? 0
    if (opcode <= OP.PUSHDATA4) {
      const push = readPush(script, at)
      if (typeof push === 'string') return push
      if (branches.executing) stack.push(push.element)
      at = push.end
    } else {
      at++
      if (opcode > OP.PUSH16 && ++opcodes > MAX_SCRIPT_OPCODES) return 'tooManyOpcodes'
      if (opcode >= OP.IF && opcode <= OP.ENDIF) {
        const error = branches.execute(opcode, stack)
        if (error !== undefined) return error
      } else if (branches.executing) {
        const error =
          opcode === OP.CHECKSIG ? yield* checkSignature(stack, context) : execute(opcode, stack, context)
        if (error !== undefined) return error
      }
    }
    if (stack.length > MAX_SCRIPT_STACK) return 'stackTooDeep'
  }
  return branches.balanced ? undefined : 'unbalancedConditional'
}

/** The open conditionals of a script. */
class Branches {
  /** Of each, from the outermost: does the branch that we are in execute? */
  readonly #open: boolean[] = []
  /** How many of them don't. */
  #idle = 0

  get executing(): boolean {
    return this.#idle === 0
  }

  get balanced(): boolean {
    return this.#open.length === 0
  }

  execute(opcode: number, stack: Uint8Array[]): ScriptError | undefined {
    switch (opcode) {
      case OP.IF:
      case OP.NOTIF: {
        if (!this.executing) return void this.#enter(false)
        const condition = stack.pop()
        if (condition === undefined) return 'unbalancedConditional'
        return void this.#enter(isTrue(condition) === (opcode === OP.IF))
      }
      case OP.ELSE: {
        const executes = this.#leave()
        return executes === undefined ? 'unbalancedConditional' : void this.#enter(!executes)
      }
      case OP.ENDIF:
        return this.#leave() === undefined ? 'unbalancedConditional' : undefined
      default:
        return this.executing ? 'unknownOpcode' : undefined
    }
  }

  #enter(executes: boolean): void {
    this.#open.push(executes)
    if (!executes) this.#idle++
  }

  #leave(): boolean | undefined {
    const executes = this.#open.pop()
    if (executes === false) this.#idle--
    return executes
  }
}

function readPush(script: Uint8Array, at: number): { element: Uint8Array; end: number } | ScriptError {
  const opcode = script[at] ?? 0
  const lengthBytes = opcode < OP.PUSHDATA1 ? 0 : 1 << (opcode - OP.PUSHDATA1)
  const start = at + 1 + lengthBytes
  if (start > script.length) return 'truncatedPush'
  let length = lengthBytes === 0 ? opcode : 0
  for (let i = lengthBytes; i > 0; i--) length = length * 256 + (script[at + i] ?? 0)
  if (length > MAX_SCRIPT_ELEMENT_BYTES) return 'elementTooLong'
  const end = start + length
  return end > script.length ? 'truncatedPush' : { element: script.subarray(start, end), end }
}

function* checkSignature(stack: Uint8Array[], { signing, index }: ScriptContext): ScriptSteps {
  const publicKey = stack.pop()
  const signature = stack.pop()
  if (publicKey === undefined || signature === undefined) return 'missingElement'
  const check = { publicKey, signature, message: signing.messageOf(index) }
  const holds: boolean = isHopeless(check) ? false : yield check
  stack.push(holds ? TRUE : FALSE)
  return undefined
}

/** Elements are never changed in place, so several places of the stack may share one. */
function execute(opcode: number, stack: Uint8Array[], context: ScriptContext): ScriptError | undefined {
  if (opcode >= OP.TRUE && opcode <= OP.PUSH16) return push(stack, Uint8Array.of(opcode - OP.TRUE + 1))
  switch (opcode) {
    case OP.NEGATE1:
      return push(stack, MINUS_ONE)
    case OP.NOP:
    case OP.NOP1:
      return undefined
    case OP.RETURN:
      return 'returned'
    case OP.CHECKLOCKTIMEVERIFY:
      return lock(stack, context, lockTimeReached)
    case OP.CHECKSEQUENCEVERIFY:
      return lock(stack, context, sequenceReached)
    case OP.SWAP:
    case OP.EQUAL:
    case OP.EQUALVERIFY:
      return executeOnTwo(opcode, stack)
    default:
      if (opcode >= OP.NOP4 && opcode <= OP.NOP10) return undefined
      return executeOnOne(opcode, stack)
  }
}

function executeOnOne(opcode: number, stack: Uint8Array[]): ScriptError | undefined {
  if (!ON_ONE.has(opcode)) return 'unknownOpcode'
  const element = stack.pop()
  if (element === undefined) return 'missingElement'
  switch (opcode) {
    case OP.VERIFY:
      return isTrue(element) ? undefined : 'verifyFailed'
    case OP.DUP:
      return push(stack, element, element)
    case OP.SIZE:
      return push(stack, element, encodeScriptNumber(element.length))
    case OP.SHA3_256:
      return push(stack, sha3_256(element))
    case OP.HASH160:
      return push(stack, hash160(element))
    default:
      return undefined
  }
}

const ON_ONE: ReadonlySet<number> = new Set([OP.VERIFY, OP.DROP, OP.DUP, OP.SIZE, OP.SHA3_256, OP.HASH160])

function executeOnTwo(opcode: number, stack: Uint8Array[]): ScriptError | undefined {
  const top = stack.pop()
  const below = stack.pop()
  if (top === undefined || below === undefined) return 'missingElement'
  if (opcode === OP.SWAP) return push(stack, top, below)
  const isEqual = bytesEqual(top, below)
  if (opcode === OP.EQUAL) return push(stack, isEqual ? TRUE : FALSE)
  return isEqual ? undefined : 'verifyFailed'
}

function lock(
  stack: readonly Uint8Array[],
  { signing, index }: ScriptContext,
  isReached: typeof lockTimeReached,
): ScriptError | undefined {
  const element = stack.at(-1)
  if (element === undefined) return 'missingElement'
  return isReached(element, signing.transaction, index) ? undefined : 'locked'
}

function push(stack: Uint8Array[], ...elements: readonly Uint8Array[]): undefined {
  stack.push(...elements)
}
