/** Output scripts that have a name, and what spends them (chain 7.1). What is read out of a script is a view of it. */
import { concatBytes } from '../primitives/bytes.ts'
import { MAX_DIRECT_PUSH_BYTES, OP } from './opcodes.ts'
import { decodeScriptNumber, encodeScriptNumber } from './script-number.ts'

/** Of a HASH160: the first 20 bytes of the double SHA3-256 of a public key. */
export const HASH160_BYTES = 20
const SHA3_BYTES = 32

export interface P2pkhTemplate {
  readonly kind: 'p2pkh'
  /** HASH160 of the public key. */
  readonly hash: Uint8Array
}

/** Begins with 0x6a and can't be spent. */
export interface DataCarrierTemplate {
  readonly kind: 'dataCarrier'
}

/** Whoever knows a preimage claims it; from the timeout height on it can be refunded. */
export interface HtlcTerms {
  /** SHA3-256 of the preimage. */
  readonly preimageHash: Uint8Array
  /** HASH160 of the public keys. */
  readonly claimHash: Uint8Array
  readonly refundHash: Uint8Array
  readonly timeoutHeight: number
}

export interface HtlcTemplate extends HtlcTerms {
  readonly kind: 'htlc'
}

export type ScriptTemplate =
  | P2pkhTemplate
  | DataCarrierTemplate
  | HtlcTemplate
  | { readonly kind: 'nonstandard' }

/** Which of the forms that wallets know an output script has (chain 7.1). Hashes are views. */
export function classifyScript(script: Uint8Array): ScriptTemplate {
  const hash = p2pkhHash(script)
  if (hash !== undefined) return { kind: 'p2pkh', hash }
  if (isDataCarrier(script)) return { kind: 'dataCarrier' }
  const terms = htlcTerms(script)
  return terms === undefined ? { kind: 'nonstandard' } : { kind: 'htlc', ...terms }
}

const P2PKH_BYTES = 25
const P2PKH_HEAD = Uint8Array.of(OP.DUP, OP.HASH160, HASH160_BYTES)
const P2PKH_TAIL = Uint8Array.of(OP.EQUALVERIFY, OP.CHECKSIG)

/** The script that pays to the owner of a public key, from the key's HASH160. */
export function p2pkhScript(hash: Uint8Array): Uint8Array {
  return concatBytes([P2PKH_HEAD, sized(hash, HASH160_BYTES), P2PKH_TAIL])
}

/** The hash in a script of that form; undefined if it has another. */
export function p2pkhHash(script: Uint8Array): Uint8Array | undefined {
  if (script.length !== P2PKH_BYTES) return undefined
  const hash = script.subarray(P2PKH_HEAD.length, P2PKH_HEAD.length + HASH160_BYTES)
  return startsWith(script, P2PKH_HEAD, 0) && startsWith(script, P2PKH_TAIL, 23) ? hash : undefined
}

/** Can nobody spend it, because it begins with RETURN? */
export function isDataCarrier(script: Uint8Array): boolean {
  return script[0] === OP.RETURN
}

/** A script that carries data and can not be spent. */
export function dataCarrierScript(data: Uint8Array): Uint8Array {
  return concatBytes([Uint8Array.of(OP.RETURN), pushOf(data)])
}

/** Throws RangeError on a hash of another length, or a height that is no script number. */
export function htlcScript(terms: HtlcTerms): Uint8Array {
  return concatBytes([
    Uint8Array.of(OP.IF, OP.SHA3_256, SHA3_BYTES),
    sized(terms.preimageHash, SHA3_BYTES),
    Uint8Array.of(OP.EQUALVERIFY),
    p2pkhScript(terms.claimHash),
    Uint8Array.of(OP.ELSE),
    pushOfNumber(terms.timeoutHeight),
    Uint8Array.of(OP.CHECKLOCKTIMEVERIFY, OP.DROP),
    p2pkhScript(terms.refundHash),
    Uint8Array.of(OP.ENDIF),
  ])
}

/** Where the parts of {@link htlcScript} stand: up to the timeout at fixed places, behind it from the end. */
const HTLC_PREIMAGE_AT = 3
const HTLC_CLAIM_AT = HTLC_PREIMAGE_AT + SHA3_BYTES + 1
const HTLC_TIMEOUT_AT = HTLC_CLAIM_AT + P2PKH_BYTES + 1
const HTLC_REFUND_FROM_END = P2PKH_BYTES + 1
const MAX_HTLC_BYTES = HTLC_TIMEOUT_AT + 6 + 2 + HTLC_REFUND_FROM_END

/** The terms of a script of that form; undefined if it has another. */
export function htlcTerms(script: Uint8Array): HtlcTerms | undefined {
  if (script[0] !== OP.IF || script.length > MAX_HTLC_BYTES) return undefined
  const refundAt = script.length - HTLC_REFUND_FROM_END
  const claimHash = p2pkhHash(script.subarray(HTLC_CLAIM_AT, HTLC_CLAIM_AT + P2PKH_BYTES))
  const refundHash = p2pkhHash(script.subarray(Math.max(0, refundAt), refundAt + P2PKH_BYTES))
  const timeoutHeight = numberPushed(script.subarray(HTLC_TIMEOUT_AT, Math.max(0, refundAt - 2)))
  if (claimHash === undefined || refundHash === undefined || timeoutHeight === undefined) return undefined
  const preimageHash = script.subarray(HTLC_PREIMAGE_AT, HTLC_PREIMAGE_AT + SHA3_BYTES)
  const terms = { preimageHash, claimHash, refundHash, timeoutHeight }
  // What was read must be all there is.
  const written = htlcScript(terms)
  return written.length === script.length && startsWith(script, written, 0) ? terms : undefined
}

/** What claims an HTLC. */
export function htlcClaim(signature: Uint8Array, publicKey: Uint8Array, preimage: Uint8Array): Uint8Array {
  return concatBytes([...[signature, publicKey, preimage].map(pushOf), Uint8Array.of(OP.TRUE)])
}

/** What takes an HTLC back once its time has come. */
export function htlcRefund(signature: Uint8Array, publicKey: Uint8Array): Uint8Array {
  return concatBytes([pushOf(signature), pushOf(publicKey), Uint8Array.of(OP.FALSE)])
}

/** The shortest opcode and length that push `data`, with the data behind it. */
export function pushOf(data: Uint8Array): Uint8Array {
  const n = data.length
  if (n <= MAX_DIRECT_PUSH_BYTES) return Uint8Array.of(n, ...data)
  if (n <= 0xff) return concatBytes([Uint8Array.of(OP.PUSHDATA1, n), data])
  if (n <= 0xffff) return concatBytes([Uint8Array.of(OP.PUSHDATA2, n & 0xff, n >> 8), data])
  throw new RangeError(`${n} bytes are too many for a script`)
}

/** Small numbers have opcodes of their own. */
export function pushOfNumber(value: number): Uint8Array {
  if (value === 0) return Uint8Array.of(OP.FALSE)
  if (value === -1) return Uint8Array.of(OP.NEGATE1)
  if (value > 0 && value <= 16) return Uint8Array.of(OP.TRUE - 1 + value)
  return pushOf(encodeScriptNumber(value))
}

/** The number that these bytes push and nothing more, if it is a height. */
function numberPushed(bytes: Uint8Array): number | undefined {
  const [opcode = 0] = bytes
  if (bytes.length === 1 && opcode === OP.FALSE) return 0
  if (bytes.length === 1 && opcode >= OP.TRUE && opcode <= OP.PUSH16) return opcode - OP.TRUE + 1
  return opcode === bytes.length - 1 ? decodeScriptNumber(bytes.subarray(1)) : undefined
}

function startsWith(bytes: Uint8Array, wanted: Uint8Array, at: number): boolean {
  for (let i = 0; i < wanted.length; i++) if (bytes[at + i] !== wanted[i]) return false
  return true
}

function sized(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length !== length) throw new RangeError(`expected ${length} bytes, got ${bytes.length}`)
  return bytes
}
