/** ML-DSA-65 signatures (chain 6) as questions: rooms that can't verify hand them out and are told the answer. */

export const PUBLIC_KEY_BYTES = 1_952
export const SIGNATURE_BYTES = 3_309

/** Does this signature of this message verify under this key? */
export interface SignatureCheck {
  readonly publicKey: Uint8Array
  readonly signature: Uint8Array
  readonly message: Uint8Array
}

/** Is the answer no whatever the message: a wrong length, or nothing but 0x00 or 0xff bytes? */
export function isHopeless({ publicKey, signature }: SignatureCheck): boolean {
  if (publicKey.length !== PUBLIC_KEY_BYTES || signature.length !== SIGNATURE_BYTES) return true
  return isUniform(publicKey) || isUniform(signature)
}

function isUniform(bytes: Uint8Array): boolean {
  const [first] = bytes
  return (first === 0x00 || first === 0xff) && bytes.every((byte) => byte === first)
}
