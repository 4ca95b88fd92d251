/**
 * Keeps addresses out that guess passwords: five wrong ones lock an address out for a minute, each five more
 * for twice as long (rpc 3). This machine's own addresses are exempt. Bounded by MAX_LOCKOUT_ADDRESSES.
 */
import { isLoopback, parseIp } from '../primitives/ip.ts'
import { LOCKOUT_MAX_MS, LOCKOUT_MIN_MS, MAX_AUTH_FAILURES, MAX_LOCKOUT_ADDRESSES } from './limits.ts'

interface Row {
  failures: number
  nextLockMs: number
  lockedUntil: number
}

export class Lockout {
  /** The address that failed last stands last. */
  readonly #rows = new Map<string, Row>()
  readonly #now: () => number

  /** `now`: milliseconds of a clock that never goes backwards. */
  constructor(now: () => number) {
    this.#now = now
  }

  /** For how long an address is still locked out, in ms; 0 if it is not. */
  remainingMs(address: string): number {
    if (this.#rows.size === 0) return 0
    return Math.max(0, (this.#rows.get(address)?.lockedUntil ?? 0) - this.#now())
  }

  /** Counts a wrong password. Returns for how long that locks the address out, in ms; 0 if it does not. */
  failed(address: string): number {
    const ip = parseIp(address)
    if (ip !== undefined && isLoopback(ip)) return 0
    const row = this.#rows.get(address) ?? { failures: 0, nextLockMs: LOCKOUT_MIN_MS, lockedUntil: 0 }
    this.#rows.delete(address)
    this.#rows.set(address, row)
    this.#makeRoom()
    if (++row.failures < MAX_AUTH_FAILURES) return 0
    const lockMs = row.nextLockMs
    row.failures = 0
    row.lockedUntil = this.#now() + lockMs
    row.nextLockMs = Math.min(2 * lockMs, LOCKOUT_MAX_MS)
    return lockMs
  }

  succeeded(address: string): void {
    if (this.#rows.size > 0) this.#rows.delete(address)
  }

  #makeRoom(): void {
    if (this.#rows.size <= MAX_LOCKOUT_ADDRESSES) return
    for (const oldest of this.#rows.keys()) {
      this.#rows.delete(oldest)
      return
    }
  }
}
