/** The format of `dilithion.conf`: `key=value` lines, comments behind # or ;, keys in any case (rpc 9). */
import { readFile } from 'node:fs/promises'
import { errorCode, errorText, UserError } from '../primitives/errors.ts'

/** What stands in a file; undefined if there is none. Throws UserError if it can't be read. */
export async function readConfigFile(path: string): Promise<Map<string, string[]> | undefined> {
  try {
    return parseConfigFile(await readFile(path, 'utf8'))
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) return undefined
    throw new UserError(`can't read ${path}: ${errorText(error)}`)
  }
}

/** Lowercase keys with their values in order; a line without "=" has the value "1". Sections are passed over. */
export function parseConfigFile(text: string): Map<string, string[]> {
  const values = new Map<string, string[]>()
  for (const raw of text.split(/\r?\n/)) {
    const line = raw.trim()
    if (line === '' || /^[#;[]/.test(line)) continue
    const at = line.indexOf('=')
    const key = (at < 0 ? line : line.slice(0, at)).trim().toLowerCase()
    const value = at < 0 ? '1' : unquote(line.slice(at + 1).trim())
    values.set(key, [...(values.get(key) ?? []), value])
  }
  return values
}

function unquote(value: string): string {
  return value.length > 1 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value
}
