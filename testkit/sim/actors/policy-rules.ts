/**
 * The rules by which the network's other program judges its peers (wire-protocol 9.1, 10.2): points per
 * connection that fade, bans by address, windows of whole seconds. Bounded by its connections and its bans.
 */

/** A peer with so many points is closed and its address banned. */
export const BAN_SCORE = 100
const BAN_SECONDS = 3_600
export const OBSOLETE_BAN_SECONDS = 600
/** Two points fade at each round. */
const DECAY_ROUND_MS = 30_000
const DECAY_POINTS = 2

/** Who asks the same block a third time is closed. */
const MAX_REPEATS = 3
const REPEAT_POINTS = 5
const MAX_REPEAT_POINTS = 20
const MAX_REMEMBERED_BLOCKS = 500

const GENESIS_STRIKES = 3
const GENESIS_WINDOW_SECONDS = 300

/** One entry of what was charged to somebody. */
export interface Charge {
  /** Milliseconds of virtual time. */
  readonly at: number
  readonly ip: string
  readonly points: number
  readonly why: string
  /** All points of the connection afterwards. */
  readonly score: number
}

/** So many messages while the whole seconds between the first and now are not more than the window. */
class Window {
  readonly #limit: number
  readonly #seconds: number
  #times: number[] = []

  constructor(limit: number, seconds: number) {
    this.#limit = limit
    this.#seconds = seconds
  }

  /** False if one more is too many; it does not count then. */
  admits(unix: number): boolean {
    this.#times = this.#times.filter((time) => unix - time <= this.#seconds)
    if (this.#times.length >= this.#limit) return false
    this.#times.push(unix)
    return true
  }
}

/** What is held against one connection. */
export class Conduct {
  readonly inv = new Window(200, 1)
  readonly addr = new Window(1, 10)
  readonly getdata = new Window(50, 1)
  readonly headers = new Window(10, 1)
  readonly mempool = new Window(1, 60)
  #score = 0
  #decayedAt: number
  readonly #asked = new Set<string>()
  #repeats = 0

  constructor(mono: number) {
    this.#decayedAt = mono
  }

  /** Returns all points. */
  add(points: number, mono: number): number {
    const rounds = Math.floor((mono - this.#decayedAt) / DECAY_ROUND_MS)
    this.#decayedAt += rounds * DECAY_ROUND_MS
    this.#score = Math.max(0, this.#score - rounds * DECAY_POINTS) + points
    return this.#score
  }

  /** Blocks asked for, in hex. Returns the points for those asked before, and whether that is the end. */
  askBlocks(hashes: readonly string[]): { readonly points: number; readonly closes: boolean } {
    const repeated = hashes.filter((hash) => this.#asked.has(hash)).length
    for (const hash of hashes) this.#asked.add(hash)
    if (this.#asked.size > MAX_REMEMBERED_BLOCKS) this.#forgetSmallest()
    if (repeated > 0) this.#repeats++
    return {
      points: Math.min(MAX_REPEAT_POINTS, REPEAT_POINTS * repeated),
      closes: repeated > 0 && this.#repeats >= MAX_REPEATS,
    }
  }

  #forgetSmallest(): void {
    const sorted = [...this.#asked].sort()
    for (const hash of sorted.slice(0, sorted.length - MAX_REMEMBERED_BLOCKS)) this.#asked.delete(hash)
  }
}

/** Who is refused, and who is about to be. */
export class Bans {
  readonly #until = new Map<string, number>()
  readonly #strangers = new Map<string, number[]>()

  covers(ip: string, unix: number): boolean {
    return (this.#until.get(ip) ?? 0) > unix
  }

  ban(ip: string, unix: number, seconds = BAN_SECONDS): void {
    this.#until.set(ip, unix + seconds)
  }

  get count(): number {
    return this.#until.size
  }

  /** Somebody of another chain knocked: the third time within five minutes bans. Returns whether it did. */
  otherChain(ip: string, unix: number): boolean {
    const recent = (this.#strangers.get(ip) ?? []).filter((time) => unix - time <= GENESIS_WINDOW_SECONDS)
    recent.push(unix)
    this.#strangers.set(ip, recent)
    if (recent.length < GENESIS_STRIKES) return false
    this.ban(ip, unix)
    return true
  }
}
