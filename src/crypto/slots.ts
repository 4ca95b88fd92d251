/**
 * Whose turn it is: a fixed number of slots that each do one piece of work at a time, and lanes of work that wait for
 * them, most urgent first. Within a lane those who ask take turns, and no lane waits for ever (POW_PATIENCE). Nothing
 * is bounded here but what runs at once: whoever adds work bounds it.
 */
import { POW_PATIENCE } from '../params/limits.ts'

/** One piece of work, for the slot of this number. Must not reject. */
export type Piece = (slot: number) => Promise<void>

/** Work that comes in pieces; asked no more once it has none. */
export interface PieceSource {
  next(): Piece | undefined
}

interface Lane {
  readonly sources: PieceSource[]
  /** How often in a row a more urgent lane went first. */
  skipped: number
}

export class Slots {
  readonly #free: number[]
  readonly #count: number
  readonly #lanes: readonly Lane[]
  /** What wants all slots at rest. */
  readonly #alone: (() => void)[] = []

  /** Lanes are numbered by urgency, from 0. */
  constructor(slotCount: number, laneCount: number) {
    this.#count = slotCount
    this.#free = Array.from({ length: slotCount }, (_, i) => i)
    this.#lanes = Array.from({ length: laneCount }, () => ({ sources: [], skipped: 0 }))
  }

  add(lane: number, source: PieceSource): void {
    const found = this.#lanes[lane]
    if (found === undefined) throw new RangeError(`no lane ${lane}`)
    found.sources.push(source)
    this.#run()
  }

  /** Does `work` when no piece runs; none begins before it is done. Rejects with what it throws. */
  alone(work: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#alone.push(() => {
        try {
          work()
          resolve()
        } catch (error) {
          reject(error)
        }
      })
      this.#run()
    })
  }

  #run(): void {
    for (;;) {
      if (this.#alone.length > 0) {
        if (this.#free.length < this.#count) return
        this.#alone.shift()?.()
        continue
      }
      const slot = this.#free.pop()
      if (slot === undefined) return
      const piece = this.#take()
      if (piece === undefined) {
        this.#free.push(slot)
        return
      }
      void piece(slot).finally(() => {
        this.#free.push(slot)
        this.#run()
      })
    }
  }

  #take(): Piece | undefined {
    const overdue = this.#lanes.filter((lane) => lane.skipped >= POW_PATIENCE)
    for (const lane of [...overdue, ...this.#lanes]) {
      const piece = takeFrom(lane)
      if (piece === undefined) continue
      lane.skipped = 0
      const behind = this.#lanes.slice(this.#lanes.indexOf(lane) + 1)
      for (const other of behind) if (other.sources.length > 0) other.skipped++
      return piece
    }
    return undefined
  }
}

/** The next piece of the source that waits longest, which then stands behind the others. */
function takeFrom(lane: Lane): Piece | undefined {
  for (let source = lane.sources.shift(); source !== undefined; source = lane.sources.shift()) {
    const piece = source.next()
    if (piece === undefined) continue
    lane.sources.push(source)
    return piece
  }
  lane.skipped = 0
  return undefined
}
