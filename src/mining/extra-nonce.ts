/**
 * What makes each coinbase of a miner another one, and its coinbases others than everybody else's: the name of the
 * miner, drawn by chance, and a number that is never used twice.
 */
import { latin1Encode, toHex } from '../primitives/bytes.ts'

/** So many random bytes are never drawn twice by those who mine on one chain. */
export const MINER_ID_BYTES = 8

export class ExtraNonce {
  readonly #prefix: string
  #used = 0

  /** `id`: MINER_ID_BYTES random bytes. */
  constructor(id: Uint8Array) {
    this.#prefix = ` ${toHex(id)}-`
  }

  /** At most 32 bytes of ASCII, which can't be taken for what miners' identities begin with (fair-mining 2). */
  next(): Uint8Array {
    return latin1Encode(`${this.#prefix}${(this.#used++).toString(16)}`)
  }
}
