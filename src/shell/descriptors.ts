/** How the process stands with its file descriptors. */
import { closeSync, openSync, readFileSync } from 'node:fs'
import { devNull } from 'node:os'
import { DESCRIPTORS_RESERVED } from '../params/limits.ts'
import { errorCode } from '../primitives/errors.ts'

/** With a small limit the reserve is smaller, so that there is room for peers. */
const MAX_RESERVED_SHARE = 0.25

export class Descriptors {
  /** A new descriptor at or above this one: too few are left. */
  readonly #ceiling: number

  /** `limit`: how many this process may have open. */
  constructor(limit = readLimit()) {
    this.#ceiling = limit - Math.min(DESCRIPTORS_RESERVED, limit * MAX_RESERVED_SHARE)
  }

  /**
   * Are more free than the reserve? Asks by opening one: the system gives out the lowest number that is free, so a
   * high one tells that all below are taken. Costs 10 microseconds.
   */
  hasSpare(): boolean {
    try {
      const descriptor = openSync(devNull, 'r')
      closeSync(descriptor)
      return descriptor < this.#ceiling
    } catch (error) {
      return !isLackOfDescriptors(error)
    }
  }
}

/** Has this process, or the whole system, too many files open? */
export function isLackOfDescriptors(error: unknown): boolean {
  const code = errorCode(error)
  return code === 'EMFILE' || code === 'ENFILE'
}

/** Infinity where the system doesn't say; then a lack is seen when it is there. */
function readLimit(): number {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? []
    return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft)
  } catch {
    return Number.POSITIVE_INFINITY
  }
}
