/**
 * Recovery phrases (validation 9): 24 words of the English list of BIP 39 for 32 bytes of entropy. The checksum is of
 * SHA3-256, so phrases of other currencies' wallets are refused, as theirs refuse ours.
 */
import { wordlist } from '@scure/bip39/wordlists/english.js'
import { bytesEqual } from '../primitives/bytes.ts'
import { err, ok, type Result } from '../primitives/result.ts'
import { sha3_256 } from '../primitives/sha3.ts'

const WORDS = 24
const BITS_PER_WORD = 11
export const ENTROPY_BYTES = 32

export type PhraseError =
  | { readonly code: 'wordCount'; readonly found: number }
  /** `position` counts from 1. */
  | { readonly code: 'unknownWord'; readonly position: number }
  | { readonly code: 'badChecksum' }

const NUMBERS: ReadonlyMap<string, number> = new Map(wordlist.map((word, number) => [word, number]))

/** Throws RangeError unless there are 32 bytes. */
export function phraseOf(entropy: Uint8Array): string {
  if (entropy.length !== ENTROPY_BYTES)
    throw new RangeError(`a phrase is made of 32 bytes, not ${entropy.length}`)
  const bits = Uint8Array.of(...entropy, checksumOf(entropy))
  return Array.from({ length: WORDS }, (_, i) => wordlist[wordAt(bits, i)]).join(' ')
}

/** The entropy behind a phrase, however its words are spaced and capitalised. */
export function entropyOf(phrase: string): Result<Uint8Array, PhraseError> {
  const words = normalPhrase(phrase).split(' ')
  if (words.length !== WORDS) return err({ code: 'wordCount', found: words[0] === '' ? 0 : words.length })
  const bits = new Uint8Array(ENTROPY_BYTES + 1)
  for (const [i, word] of words.entries()) {
    const number = NUMBERS.get(word)
    if (number === undefined) return err({ code: 'unknownWord', position: i + 1 })
    putWordAt(bits, i, number)
  }
  const entropy = bits.slice(0, ENTROPY_BYTES)
  const isRight = bytesEqual(bits.subarray(ENTROPY_BYTES), Uint8Array.of(checksumOf(entropy)))
  return isRight ? ok(entropy) : err({ code: 'badChecksum' })
}

/** In the form from which keys are made: small letters, one space between words. */
export function normalPhrase(phrase: string): string {
  return phrase.trim().toLowerCase().split(/\s+/).join(' ')
}

/** What is wrong, in one line for whoever typed it. */
export function describePhraseError(error: PhraseError): string {
  switch (error.code) {
    case 'wordCount':
      return `a recovery phrase has ${WORDS} words, this one has ${error.found}`
    case 'unknownWord':
      return `word ${error.position} of the recovery phrase is not in the list: look for a typing error`
    case 'badChecksum':
      return 'the recovery phrase has a wrong or misplaced word, or is of a wallet for another currency'
  }
}

function checksumOf(entropy: Uint8Array): number {
  return sha3_256(entropy)[0] ?? 0
}

/** The eleven bits of word `i`, within three bytes. */
function wordAt(bits: Uint8Array, i: number): number {
  const start = i * BITS_PER_WORD
  const at = start >> 3
  const three = ((bits[at] ?? 0) << 16) | ((bits[at + 1] ?? 0) << 8) | (bits[at + 2] ?? 0)
  return (three >> (24 - BITS_PER_WORD - (start & 7))) & 0x7ff
}

function putWordAt(bits: Uint8Array, i: number, number: number): void {
  const start = i * BITS_PER_WORD
  const three = number << (24 - BITS_PER_WORD - (start & 7))
  for (let byte = 0; byte < 3; byte++) {
    const at = (start >> 3) + byte
    if (at < bits.length) bits[at] = (bits[at] ?? 0) | ((three >> (16 - 8 * byte)) & 0xff)
  }
}
