/**
 * The two forms in which an input carries a signature and a public key (chain 7.3). The legacy form is not a script
 * but two lengths with the bytes behind them; it is known by its size and the first length alone.
 */
import { ByteWriter } from '../primitives/writer.ts'
import { OP } from './opcodes.ts'
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from './signature-check.ts'

export interface SignedBy {
  readonly signature: Uint8Array
  readonly publicKey: Uint8Array
}

const LENGTH_BYTES = 2
export const LEGACY_SCRIPT_SIG_BYTES = LENGTH_BYTES + SIGNATURE_BYTES + LENGTH_BYTES + PUBLIC_KEY_BYTES
const PUSH_SCRIPT_SIG_BYTES = LEGACY_SCRIPT_SIG_BYTES + 2
const PUSH_HEAD_BYTES = 1 + LENGTH_BYTES

/** Views of a legacy scriptSig; undefined if it is a script. */
export function readLegacyScriptSig(scriptSig: Uint8Array): SignedBy | undefined {
  if (scriptSig.length !== LEGACY_SCRIPT_SIG_BYTES || u16At(scriptSig, 0) !== SIGNATURE_BYTES)
    return undefined
  return pairAt(scriptSig, LENGTH_BYTES)
}

/** Views of a script that does nothing but push a signature and a public key; undefined if it is another. */
export function readPushScriptSig(scriptSig: Uint8Array): SignedBy | undefined {
  const keyAt = PUSH_HEAD_BYTES + SIGNATURE_BYTES
  const isPair =
    scriptSig.length === PUSH_SCRIPT_SIG_BYTES &&
    scriptSig[0] === OP.PUSHDATA2 &&
    u16At(scriptSig, 1) === SIGNATURE_BYTES &&
    scriptSig[keyAt] === OP.PUSHDATA2 &&
    u16At(scriptSig, keyAt + 1) === PUBLIC_KEY_BYTES
  return isPair ? pairAt(scriptSig, PUSH_HEAD_BYTES) : undefined
}

/** The form that the network's wallets write. Throws RangeError on wrong lengths. */
export function legacyScriptSig({ signature, publicKey }: SignedBy): Uint8Array {
  const writer = new ByteWriter(LEGACY_SCRIPT_SIG_BYTES)
  writer.u16(SIGNATURE_BYTES).fixed(signature, SIGNATURE_BYTES)
  writer.u16(PUBLIC_KEY_BYTES).fixed(publicKey, PUBLIC_KEY_BYTES)
  return writer.view()
}

/** A signature behind `headBytes`, and the public key behind as many. */
function pairAt(scriptSig: Uint8Array, headBytes: number): SignedBy {
  const signatureEnd = headBytes + SIGNATURE_BYTES
  return {
    signature: scriptSig.subarray(headBytes, signatureEnd),
    publicKey: scriptSig.subarray(signatureEnd + headBytes),
  }
}

function u16At(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8)
}
