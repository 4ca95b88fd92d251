/**
 * When to ask seeds: at once if nobody is known, later if those who are known lead nowhere, and again if that goes
 * on. Seeds by name come first; the ones built in help a node that has been without a peer of its own choice for
 * SEED_AFTER_MS, also if no name leads anywhere: they are few, and every new node knows them.
 */
import { DNS_SEED_DELAY_MS, RESEED_INTERVAL_MS, SEED_AFTER_MS } from '../params/limits.ts'
import { type MonoMs, monoMs } from '../primitives/brand.ts'

export type SeedStep = 'dns' | 'fixed'

const NEVER = monoMs(Number.POSITIVE_INFINITY)

export class Seeding {
  #dnsAt: MonoMs
  #fixedAt: MonoMs
  /** When seeds were last asked: somebody who comes and goes must not make us ask them again and again. */
  #dnsAskedAt = Number.NEGATIVE_INFINITY
  #fixedAskedAt = Number.NEGATIVE_INFINITY
  readonly #hasDns: boolean
  readonly #hasFixed: boolean

  /** `known`: addresses in the book. */
  constructor(hasDns: boolean, hasFixed: boolean, known: number, now: MonoMs) {
    this.#hasDns = hasDns
    this.#hasFixed = hasFixed
    this.#dnsAt = hasDns ? monoMs(known === 0 ? now : now + DNS_SEED_DELAY_MS) : NEVER
    this.#fixedAt = hasFixed ? monoMs(known === 0 && !hasDns ? now : now + SEED_AFTER_MS) : NEVER
  }

  get nextAt(): MonoMs {
    return monoMs(Math.min(this.#dnsAt, this.#fixedAt))
  }

  /** What is due. `connected`: peers of our own choice whose handshake is complete. */
  plan(connected: number, now: MonoMs): SeedStep | undefined {
    if (now >= this.#dnsAt) {
      this.#dnsAt = monoMs(now + RESEED_INTERVAL_MS)
      if (connected < 2) {
        this.#dnsAskedAt = now
        return 'dns'
      }
    }
    if (now >= this.#fixedAt) {
      this.#fixedAt = monoMs(now + RESEED_INTERVAL_MS)
      if (connected === 0) {
        this.#fixedAskedAt = now
        return 'fixed'
      }
    }
    return undefined
  }

  /** The last peer of our own choice is gone. */
  alone(now: MonoMs): void {
    const dnsAt = Math.max(now + SEED_AFTER_MS, this.#dnsAskedAt + RESEED_INTERVAL_MS)
    if (this.#hasDns) this.#dnsAt = monoMs(Math.min(this.#dnsAt, dnsAt))
    const fixedAt = Math.max(now + 2 * SEED_AFTER_MS, this.#fixedAskedAt + RESEED_INTERVAL_MS)
    if (this.#hasFixed) this.#fixedAt = monoMs(Math.min(this.#fixedAt, fixedAt))
  }
}
