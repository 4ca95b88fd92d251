/**
 * One direction of a virtual connection: bytes arrive in order after the line's latency, cut into pieces as the
 * line likes. What the writing system holds and the reader has not taken is bounded by the window; the rest
 * waits with the writer, so that a reader who does not read is felt.
 */
import { concatBytes } from '../../src/primitives/bytes.ts'
import { ByteQueue } from './byte-queue.ts'
import type { Dice } from './dice.ts'
import type { VirtualTime } from './virtual-time.ts'

/** What a line is like. */
export interface Line {
  readonly latencyMs: number
  /** Each segment is late by up to this much more. */
  readonly jitterMs: number
  /** Bytes per millisecond; infinite for none to speak of. */
  readonly bytesPerMs: number
  /** Bytes on their way or unread at the reader's. */
  readonly windowBytes: number
  /** Reads return random pieces of up to so many bytes; infinite: all that is there, up to READ_BYTES. */
  readonly pieceBytes: number
}

/** What a pipe needs of the socket at its reading end. */
export interface PipeReader {
  /** `lingering`: takes bytes and drops them. `closed`: answers with a reset. `gone`: takes nothing any more. */
  readonly state: 'open' | 'lingering' | 'closed' | 'gone'
  data(chunk: Uint8Array): void
  ended(error?: string): void
}

export interface PipeWriter {
  /** So many bytes were taken by the system. */
  taken(bytes: number): void
  ended(error?: string): void
}

export interface Surroundings {
  readonly time: VirtualTime
  readonly random: Dice
  /** Does nothing get through between the two ends at present? */
  blocked(): boolean
  /** Called with what to do when something may get through again. */
  whenHealed(run: () => void): void
  /** When the machines at both ends will have carried so many more bytes. */
  carried(bytes: number): number
}

export type CutKind = 'reset' | 'end' | 'silence'

interface Segment {
  readonly at: number
  readonly what: readonly Uint8Array[] | 'end' | 'reset'
}

/** A node reads at most this much at once. */
const READ_BYTES = 65_536

export class Pipe {
  readonly line: Line
  readonly #around: Surroundings
  reader: PipeReader | undefined
  writer: PipeWriter | undefined
  /** Changes what the writer writes, frame by frame or otherwise, before it is sent. */
  tap: ((chunk: Uint8Array) => Uint8Array | undefined) | undefined
  /** Everything that is sent vanishes, and nobody is told. */
  lost = false
  /** After so many arrived bytes, `run` is called once; the bytes behind them don't arrive. */
  cut: { readonly afterBytes: number; readonly run: () => void } | undefined
  arrivedBytes = 0

  readonly #waiting = new ByteQueue()
  #flight: Segment[] = []
  readonly #buffer = new ByteQueue()
  #inSystem = 0
  #lineFreeAt = 0
  #lastAt = 0
  #armed = false
  #filling = false
  #reading = true
  #ending = false
  #endSent = false
  #endArrived = false

  constructor(line: Line, around: Surroundings) {
    this.line = line
    this.#around = around
  }

  /** Bytes that the writing system has not taken. */
  get waitingBytes(): number {
    return this.#waiting.bytes
  }

  write(chunks: readonly Uint8Array[]): void {
    if (this.#ending) return
    for (const chunk of chunks) {
      const sent = this.tap === undefined ? chunk : this.tap(chunk)
      // What was dropped on the way counts as sent.
      const dropped = chunk.length - (sent?.length ?? 0)
      if (dropped > 0) this.writer?.taken(dropped)
      if (sent !== undefined) this.#waiting.push(sent)
    }
    this.#fill()
  }

  /** Ends this direction behind everything that was written. */
  end(): void {
    this.#ending = true
    this.#fill()
  }

  /** Ends this direction behind what the system took. */
  abort(): void {
    this.#waiting.clear()
    this.end()
  }

  /** Ends this direction at once: what is on its way is lost. */
  reset(): void {
    if (this.#endSent) return
    this.#ending = true
    this.#endSent = true
    this.#waiting.clear()
    this.#flight = []
    this.#send('reset')
  }

  pause(): void {
    this.#reading = false
  }

  resume(): void {
    if (this.#reading) return
    this.#reading = true
    this.#around.time.after(0, () => this.#drain())
  }

  /** Moves what fits into the window on its way. */
  #fill(): void {
    const before = this.#waiting.bytes
    const taken = this.#waiting.take(this.line.windowBytes - this.#inSystem)
    const bytes = before - this.#waiting.bytes
    if (bytes > 0) {
      this.#inSystem += bytes
      this.#send(taken, bytes)
    }
    if (this.#ending && !this.#endSent && this.#waiting.bytes === 0) {
      this.#endSent = true
      this.#send('end')
    }
    if (bytes > 0) this.writer?.taken(bytes)
  }

  #send(what: Segment['what'], bytes = 0): void {
    const { latencyMs, jitterMs, bytesPerMs } = this.line
    const own = Math.max(this.#lineFreeAt, this.#around.time.mono) + bytes / bytesPerMs
    this.#lineFreeAt = Math.max(own, this.#around.carried(bytes))
    const jitter = jitterMs > 0 ? jitterMs * this.#around.random.unit() : 0
    this.#lastAt = Math.max(this.#lastAt, this.#lineFreeAt + latencyMs + jitter)
    this.#flight.push({ at: this.#lastAt, what })
    this.#arm()
  }

  #arm(): void {
    const next = this.#flight[0]
    if (this.#armed || next === undefined) return
    this.#armed = true
    this.#around.time.at(next.at, this.#arriveLater)
  }

  readonly #arriveLater = (): void => {
    if (this.#around.blocked()) {
      this.#around.whenHealed(() => this.#around.time.after(this.line.latencyMs, this.#arriveLater))
      return
    }
    this.#armed = false
    const now = this.#around.time.mono
    let next = this.#flight[0]
    while (next !== undefined && next.at <= now) {
      this.#flight.shift()
      this.#arrive(next.what)
      next = this.#flight[0]
    }
    this.#drain()
    this.#arm()
  }

  #arrive(what: Segment['what']): void {
    const { reader } = this
    if (this.lost || reader === undefined || reader.state === 'gone') return
    if (what === 'end') {
      this.#endArrived = true
    } else if (what === 'reset') {
      this.#buffer.clear()
      reader.ended('ECONNRESET')
    } else {
      for (const chunk of what) this.#arriveBytes(chunk, reader)
    }
  }

  #arriveBytes(chunk: Uint8Array, reader: PipeReader): void {
    if (this.lost) return
    if (reader.state === 'closed') {
      this.#inSystem -= chunk.length
      this.#around.time.after(this.line.latencyMs, () => this.writer?.ended('ECONNRESET'))
      return
    }
    const { cut } = this
    const kept = cut === undefined ? chunk.length : Math.min(chunk.length, cut.afterBytes - this.arrivedBytes)
    this.arrivedBytes += kept
    if (kept > 0) this.#buffer.push(kept === chunk.length ? chunk : chunk.subarray(0, kept))
    if (cut === undefined || this.arrivedBytes < cut.afterBytes) return
    this.cut = undefined
    this.#drain()
    cut.run()
  }

  #drain(): void {
    const { reader } = this
    if (reader === undefined) return
    while (
      this.#buffer.bytes > 0 &&
      (reader.state === 'lingering' || (reader.state === 'open' && this.#reading))
    ) {
      const piece = this.#takePiece()
      this.#inSystem -= piece.length
      if (reader.state === 'open') reader.data(piece)
    }
    if (this.#endArrived && this.#buffer.bytes === 0 && this.#reading) {
      this.#endArrived = false
      reader.ended()
    }
    this.#askForMore()
  }

  /** The news that there is room reaches the writer as late as anything else. */
  #askForMore(): void {
    if (this.#filling || this.#waiting.bytes === 0 || this.#inSystem >= this.line.windowBytes) return
    this.#filling = true
    this.#around.time.after(this.line.latencyMs, () => {
      this.#filling = false
      this.#fill()
    })
  }

  #takePiece(): Uint8Array {
    const { pieceBytes } = this.line
    const wanted = Number.isFinite(pieceBytes) ? 1 + this.#around.random.below(pieceBytes) : READ_BYTES
    const parts = this.#buffer.take(wanted)
    const [only] = parts
    return only !== undefined && parts.length === 1 ? only : concatBytes(parts)
  }
}
