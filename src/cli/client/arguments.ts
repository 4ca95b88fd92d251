/** From words of the command line to the parameters of a method. */
import { UserError } from '../../primitives/errors.ts'
import type { JsonValue } from '../../rpc/json.ts'

/** First parameters that are texts whatever they look like: a passphrase or a file's name may consist of digits. */
const TEXTS: Readonly<Record<string, readonly string[]>> = {
  encryptwallet: ['passphrase'],
  walletpassphrase: ['passphrase'],
  walletpassphrasechange: ['oldpassphrase', 'newpassphrase'],
  createhdwallet: ['passphrase'],
  restorehdwallet: ['mnemonic', 'passphrase'],
  importprivkey: ['privkey', 'pubkey'],
  backupwallet: ['destination'],
  validateaddress: ['address'],
}

export type Params = JsonValue[] | Record<string, JsonValue>

/** By position, or with `named` from words like `key=value`. Throws UserError for a word without a name. */
export function paramsFrom(method: string, words: readonly string[], named: boolean): Params {
  const texts = TEXTS[method] ?? []
  const params = named
    ? namedParams(words, texts)
    : words.map((word, i) => (texts[i] === undefined ? parseWord(word) : word))
  // Whoever types the command means it; the confirmation is for programs.
  const implied = method === 'stop' ? { confirm: true } : {}
  if (Array.isArray(params)) return params.length === 0 ? implied : params
  return { ...implied, ...params }
}

function namedParams(words: readonly string[], texts: readonly string[]): Record<string, JsonValue> {
  const entries = words.map((word) => {
    const at = word.indexOf('=')
    // What stands there may be a secret that was typed without its name.
    if (at < 1 && texts.length > 0) throw new UserError('-named takes parameters as name=value')
    if (at < 1) throw new UserError(`-named takes parameters as name=value, not '${word}'`)
    const [name, value] = [word.slice(0, at), word.slice(at + 1)]
    return [name, texts.includes(name) ? value : parseWord(value)] as const
  })
  return Object.fromEntries(entries)
}

/** No number that a method takes is longer. */
const MAX_NUMBER_CHARACTERS = 24

/**
 * JSON is taken as JSON, anything else is text. So is a number that JSON would round or that is too long for one:
 * hashes can consist of digits alone, or of digits and an e.
 */
function parseWord(word: string): JsonValue {
  let value: JsonValue
  try {
    value = JSON.parse(word)
  } catch {
    return word
  }
  if (typeof value !== 'number') return value
  const isRounded = /^-?\d+$/.test(word) && !Number.isSafeInteger(value)
  return isRounded || word.length > MAX_NUMBER_CHARACTERS ? word : value
}
