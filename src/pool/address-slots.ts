/**
 * Where in the two tables an address may stand. `new`: 1,024 buckets of 64, of which the addresses that one source
 * group tells reach 64, those of one group from one source a single one. `tried`: 256 buckets of 64, of which one
 * group reaches 8. Buckets and slots follow from a secret key.
 */
import type { Endpoint } from '../primitives/ip.ts'
import type { RandomSource } from '../primitives/random.ts'
import { sha3Word } from '../primitives/sha3.ts'
import { endpointKey } from './known-address.ts'

const NEW_BUCKETS = 1_024
const NEW_BUCKETS_PER_SOURCE = 64
const TRIED_BUCKETS = 256
const TRIED_BUCKETS_PER_GROUP = 8
const SLOTS_PER_BUCKET = 64
const KEY_BYTES = 32
/** Of what is hashed: the key, and two groups (the text of an address at most) or numbers and keys of endpoints. */
const INPUT_BYTES = 160

interface Placed extends Endpoint {
  readonly group: string
}

export class AddressSlots<T> {
  readonly key: Uint8Array
  /** What is hashed, with the key in front: written anew for each hash. */
  readonly #input = new Uint8Array(INPUT_BYTES)
  /** Holders by bucket and slot. Sparse: most nodes know few addresses. */
  readonly fresh = new Map<number, T>()
  readonly tried = new Map<number, T>()

  /** Throws RangeError if the key has not 32 bytes. */
  constructor(key: Uint8Array) {
    if (key.length !== KEY_BYTES) throw new RangeError(`a key has 32 bytes, not ${key.length}`)
    this.key = key
    this.#input.set(key)
  }

  newSlot(row: Placed, sourceGroup: string): number {
    const part = this.#hash('a', row.group, sourceGroup) % NEW_BUCKETS_PER_SOURCE
    const bucket = this.#hash('b', sourceGroup, String(part)) % NEW_BUCKETS
    return bucket * SLOTS_PER_BUCKET + (this.#hash('c', String(bucket), endpointKey(row)) % SLOTS_PER_BUCKET)
  }

  triedSlot(row: Placed): number {
    const part = this.#hash('d', endpointKey(row), '') % TRIED_BUCKETS_PER_GROUP
    const bucket = this.#hash('e', row.group, String(part)) % TRIED_BUCKETS
    return bucket * SLOTS_PER_BUCKET + (this.#hash('f', String(bucket), endpointKey(row)) % SLOTS_PER_BUCKET)
  }

  /** 32 bits of a keyed hash. The first part's length stands before it, so that parts can't be mistaken. */
  #hash(label: string, first: string, second: string): number {
    let end = this.#append(label, KEY_BYTES)
    this.#input[end++] = first.length
    end = this.#append(second, this.#append(first, end))
    return sha3Word(this.#input.subarray(0, end))
  }

  /** Returns where it ends. */
  #append(text: string, at: number): number {
    for (let i = 0; i < text.length; i++) this.#input[at + i] = text.charCodeAt(i)
    return at + text.length
  }
}

export function newKey(random: RandomSource): Uint8Array {
  return Uint8Array.from({ length: 32 }, () => random.below(256))
}
