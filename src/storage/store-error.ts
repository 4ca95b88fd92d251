/** What can be wrong with a store, in words for the operator. */
import { codeText, errorCode, errorText } from '../primitives/errors.ts'

/** Rows that are not what was written. */
export class DamagedRows extends Error {
  override readonly name = 'DamagedRows'
}

/** `what`: of it is damaged, such as a file. */
export function damagedText(what: string): string {
  return `the index of the chain is damaged (${what}): start once with --reindex to rebuild it`
}

/** The database tells errors of the system by the system's own texts. */
const CODES_BY_TEXT: readonly (readonly [text: string, code: string])[] = [
  ['No space left on device', 'ENOSPC'],
  ['Disk quota exceeded', 'EDQUOT'],
  ['File too large', 'EFBIG'],
  ['Input/output error', 'EIO'],
  ['Permission denied', 'EACCES'],
  ['Operation not permitted', 'EPERM'],
  ['Read-only file system', 'EROFS'],
  ['Too many open files', 'EMFILE'],
]

/** A table that is missing or too short is told as an error of the system. */
const DAMAGE_TEXT = /: (No such file or directory|Invalid argument)$/

/** Is it said that the database's files are not what was written? */
export function isDamage(error: unknown): boolean {
  if (error instanceof DamagedRows) return true
  const code = errorCode(error)
  return code === 'LEVEL_CORRUPTION' || (code === 'LEVEL_IO_ERROR' && DAMAGE_TEXT.test(messageOf(error)))
}

/** One line. */
export function storeErrorText(error: unknown): string {
  if (isDamage(error)) return damagedText(firstLine(messageOf(error)).replace(/^(Corruption|IO error): /, ''))
  if (errorCode(error)?.startsWith('LEVEL_') !== true) return errorText(error)
  const message = messageOf(error)
  const known = CODES_BY_TEXT.find(([text]) => message.includes(text))
  return known === undefined ? firstLine(message) : codeText(known[1])
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : ''
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? text
}
