/** The format of `dilithion.conf`: `key=value` lines, comments behind # or ;, keys in any case (rpc 9). */

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
