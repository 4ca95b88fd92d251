/** Name and number of this program, as shown to people and to peers. */
import { readFileSync } from 'node:fs'

/** Replaced by the bundler; otherwise read from the package that this file belongs to. */
declare const __DILITHION_VERSION__: string | undefined

/** Of this package, such as "1.0.0". */
export const VERSION: string =
  typeof __DILITHION_VERSION__ === 'string' ? __DILITHION_VERSION__ : readPackageVersion()

/** Sent in `version` messages. */
export function userAgentOf(version: string): string {
  return `/Dilithion:${version}/`
}

function readPackageVersion(): string {
  for (const path of ['../../package.json', '../../../package.json']) {
    try {
      const parsed: unknown = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'))
      if (typeof parsed === 'object' && parsed !== null && 'version' in parsed && 'name' in parsed) {
        if (parsed.name === 'dilithion') return String(parsed.version)
      }
    } catch {
      // Not there: the sources and the built package lie at different depths.
    }
  }
  return '0.0.0'
}
