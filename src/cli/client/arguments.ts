/** From words of the command line to the parameters of a method. */
import { UserError } from '../../primitives/errors.ts'
import type { JsonValue } from '../../rpc/json.ts'

export type Params = JsonValue[] | Record<string, JsonValue>

/** By position, or with `named` from words like `key=value`. Throws UserError for a word without a name. */
export function paramsFrom(method: string, words: readonly string[], named: boolean): Params {
  const params = named ? namedParams(words) : words.map(parseWord)
  // Whoever types the command means it; the confirmation is for programs.
  const implied = method === 'stop' ? { confirm: true } : {}
  if (Array.isArray(params)) return params.length === 0 ? implied : params
  return { ...implied, ...params }
}

function namedParams(words: readonly string[]): Record<string, JsonValue> {
  const entries = words.map((word) => {
    const at = word.indexOf('=')
    if (at < 1) throw new UserError(`-named takes parameters as name=value, not '${word}'`)
    return [word.slice(0, at), parseWord(word.slice(at + 1))] as const
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
