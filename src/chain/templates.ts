/** The two kinds of output that mainnet spends and carries (chain 7.1). */
import { concatBytes } from '../primitives/bytes.ts'

const P2PKH_BYTES = 25
const HEAD = Uint8Array.of(0x76, 0xa9, 20)
const TAIL = Uint8Array.of(0x88, 0xac)

export function p2pkhScript(hash: Uint8Array): Uint8Array {
  return concatBytes([HEAD, hash, TAIL])
}

/** The hash in a script of that form; undefined if it has another. */
export function p2pkhHash(script: Uint8Array): Uint8Array | undefined {
  const isP2pkh =
    script.length === P2PKH_BYTES &&
    HEAD.every((byte, i) => script[i] === byte) &&
    TAIL.every((byte, i) => script[23 + i] === byte)
  return isP2pkh ? script.subarray(3, 23) : undefined
}

export function isDataCarrier(script: Uint8Array): boolean {
  return script[0] === 0x6a
}
