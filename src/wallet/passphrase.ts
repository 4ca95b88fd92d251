/** Whether a passphrase is worth sealing with. */
import { MAX_PASSPHRASE_CHARACTERS, MIN_PASSPHRASE_CHARACTERS } from '../params/wallet-limits.ts'

/** "aaaaaaaa" and "12121212" are no secrets. */
const MIN_DIFFERENT_CHARACTERS = 5

/** What is wrong with it, in one line for whoever chose it; undefined if nothing is. */
export function passphraseFault(passphrase: string): string | undefined {
  const characters = [...passphrase.normalize('NFKC')]
  if (characters.length < MIN_PASSPHRASE_CHARACTERS)
    return `the passphrase is too short: use ${MIN_PASSPHRASE_CHARACTERS} characters or more, better five words that nobody can guess`
  if (characters.length > MAX_PASSPHRASE_CHARACTERS)
    return `the passphrase is too long: use at most ${MAX_PASSPHRASE_CHARACTERS} characters`
  if (new Set(characters).size < MIN_DIFFERENT_CHARACTERS)
    return `the passphrase is too simple: use ${MIN_DIFFERENT_CHARACTERS} different characters or more`
  return undefined
}
