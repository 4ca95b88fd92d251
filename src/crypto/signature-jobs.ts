/**
 * What is asked of the threads that verify and sign, and what they answer. Checks travel packed in one buffer that
 * changes hands: a view would take along the whole block that it is a view of.
 */
import type { SignedBy } from '../script/script-sig.ts'
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES, type SignatureCheck } from '../script/signature-check.ts'

export type SignatureJob =
  /** Answer: a byte for each check, 1 if it holds. */
  | { readonly kind: 'verify'; readonly checks: Uint8Array<ArrayBuffer> }
  /** Answer: `Uint8Array[]`. */
  | { readonly kind: 'publicKeys'; readonly secrets: readonly Uint8Array[] }
  /** Answer: `SignedBy[]`. */
  | { readonly kind: 'sign'; readonly secret: Uint8Array; readonly messages: readonly Uint8Array[] }

export type SignatureJobAnswer = Uint8Array | readonly Uint8Array[] | readonly SignedBy[]

const LENGTH_BYTES = 4
const FIXED_BYTES = LENGTH_BYTES + PUBLIC_KEY_BYTES + SIGNATURE_BYTES

/** Keys and signatures have the right lengths already, messages may have any. */
export function packChecks(checks: readonly SignatureCheck[]): Uint8Array<ArrayBuffer> {
  const length = checks.reduce((sum, { message }) => sum + FIXED_BYTES + message.length, 0)
  const packed = new Uint8Array(length)
  const view = new DataView(packed.buffer)
  let at = 0
  for (const { publicKey, signature, message } of checks) {
    view.setUint32(at, message.length)
    packed.set(publicKey, at + LENGTH_BYTES)
    packed.set(signature, at + LENGTH_BYTES + PUBLIC_KEY_BYTES)
    packed.set(message, at + FIXED_BYTES)
    at += FIXED_BYTES + message.length
  }
  return packed
}

/** The checks as views. */
export function* unpackChecks(packed: Uint8Array): Generator<SignatureCheck> {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength)
  for (let at = 0; at < packed.length; ) {
    const end = at + FIXED_BYTES + view.getUint32(at)
    const keyAt = at + LENGTH_BYTES
    const signatureAt = keyAt + PUBLIC_KEY_BYTES
    yield {
      publicKey: packed.subarray(keyAt, signatureAt),
      signature: packed.subarray(signatureAt, signatureAt + SIGNATURE_BYTES),
      message: packed.subarray(at + FIXED_BYTES, end),
    }
    at = end
  }
}
