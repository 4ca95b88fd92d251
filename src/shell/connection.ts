/**
 * One socket of one peer: writes what it is given in as few system calls as possible, says how much of it the
 * system took, and ends it one way or the other. Decides nothing.
 */
import type { Socket } from 'node:net'
import { LINGER_TIMEOUT_MS, MAX_READ_BYTES_PER_TURN } from '../params/limits.ts'
import type { PeerId } from '../primitives/brand.ts'
import { errorText } from '../primitives/errors.ts'

/** What the system hands over in one piece at most. A shorter piece was the last one that was there. */
const FULL_PIECE_BYTES = 65_536

export interface ConnectionEvents {
  bytes(peer: PeerId, chunk: Uint8Array): void
  /** Bytes of earlier writes were taken by the system. */
  flushed(peer: PeerId, bytes: number): void
  closed(peer: PeerId, error: string | undefined): void
}

export class Connection {
  readonly peer: PeerId
  readonly #socket: Socket
  readonly #events: ConnectionEvents
  /** Written but not yet reported as taken. */
  #handedBytes = 0
  #error: string | undefined
  /** Has the core asked us not to read? */
  #paused = false
  #onBreak = false
  /** Bytes of full pieces since the last that was shorter. */
  #readBytes = 0

  constructor(peer: PeerId, socket: Socket, events: ConnectionEvents) {
    this.peer = peer
    this.#socket = socket
    this.#events = events
    socket.setNoDelay(true)
    socket.on('data', (chunk: Uint8Array) => {
      this.#takeBreak(chunk.length)
      events.bytes(peer, chunk)
    })
    socket.on('error', (error) => {
      this.#error = errorText(error)
    })
    socket.once('end', this.#endSoon)
    socket.once('close', () => events.closed(peer, this.#error))
  }

  write(chunks: readonly Uint8Array[]): void {
    const socket = this.#socket
    if (!socket.writable) return
    if (chunks.length > 1) socket.cork()
    for (const chunk of chunks) {
      this.#handedBytes += chunk.length
      socket.write(chunk, this.#onWritten)
    }
    if (chunks.length > 1) socket.uncork()
    this.#report()
  }

  pause(): void {
    this.#paused = true
    this.#socket.pause()
  }

  resume(): void {
    this.#paused = false
    if (!this.#onBreak) this.#socket.resume()
  }

  /**
   * The system hands over up to two megabytes of one socket before it looks at the next. Reading stops earlier, and
   * goes on when the others have had their turn.
   */
  #takeBreak(bytes: number): void {
    this.#readBytes = bytes < FULL_PIECE_BYTES ? 0 : this.#readBytes + bytes
    if (this.#readBytes < MAX_READ_BYTES_PER_TURN || this.#onBreak) return
    this.#onBreak = true
    this.#socket.pause()
    setImmediate(() => {
      this.#onBreak = false
      this.#readBytes = 0
      if (!this.#paused) this.#socket.resume()
    })
  }

  /** Ends at once. What the system already took is still sent. */
  destroy(): void {
    this.#socket.destroy()
  }

  /**
   * Ends after what was written has been delivered. The peer's bytes are read and thrown away meanwhile: closing
   * on unread bytes would reset the connection, and the peer might never see our last message.
   */
  linger(ended: () => void): void {
    const socket = this.#socket
    socket.once('close', ended)
    this.#endSoon()
    socket.removeAllListeners('data')
    socket.resume()
    socket.end()
  }

  /**
   * Whoever has ended its side gets what was written before (the socket then ends by itself), if it takes it in time.
   */
  readonly #endSoon = (): void => {
    const socket = this.#socket
    const timer = setTimeout(() => socket.destroy(), LINGER_TIMEOUT_MS)
    socket.once('close', () => clearTimeout(timer))
  }

  readonly #onWritten = (): void => this.#report()

  #report(): void {
    const flushed = this.#handedBytes - this.#socket.writableLength
    if (flushed <= 0) return
    this.#handedBytes -= flushed
    this.#events.flushed(this.peer, flushed)
  }
}
