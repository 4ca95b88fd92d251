/**
 * Short transaction ids of one compact block (wire-protocol 5.18): 48 bits of a keyed hash, under a key that the
 * block's header and the sender's nonce make.
 */
import { sha3_256 } from '../primitives/sha3.ts'
import { SipHash } from '../primitives/siphash.ts'
import { SHORT_ID_BYTES } from '../wire/compact.ts'
import { type BlockHeader, HEADER_BYTES } from '../wire/header.ts'

const KEY_BYTES = 16
const TWO_32 = 0x1_0000_0000

export class ShortIds {
  readonly #sip: SipHash

  constructor(header: BlockHeader, nonce: bigint) {
    const material = new Uint8Array(HEADER_BYTES + 8)
    // Of a longer header only the first 80 bytes.
    material.set(header.bytes.subarray(0, HEADER_BYTES))
    new DataView(material.buffer).setBigUint64(HEADER_BYTES, nonce, true)
    this.#sip = new SipHash(sha3_256(material).subarray(0, KEY_BYTES))
  }

  /** Of a transaction id of 32 bytes, as a number below 2^48. */
  of(id: Uint8Array): number {
    const { low, high } = this.#sip.hash(id)
    return (high & 0xffff) * TWO_32 + low
  }
}

/** Writes the short id at place `i` of a list of them. */
export function putShortId(list: Uint8Array, i: number, shortId: number): void {
  const view = new DataView(list.buffer, list.byteOffset + i * SHORT_ID_BYTES, SHORT_ID_BYTES)
  view.setUint32(0, shortId % TWO_32, true)
  view.setUint16(4, Math.floor(shortId / TWO_32), true)
}

/** The short id at place `i` of a list of them. */
export function shortIdAt(list: Uint8Array, i: number): number {
  const view = new DataView(list.buffer, list.byteOffset + i * SHORT_ID_BYTES, SHORT_ID_BYTES)
  return view.getUint16(4, true) * TWO_32 + view.getUint32(0, true)
}
