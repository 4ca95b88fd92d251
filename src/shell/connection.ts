/**
 * One socket of one peer: writes what it is given in few system calls, says how much of it the system took, and ends
 * it one way or the other. Decides nothing. What it keeps is what the core has accounted for as waiting to be sent.
 */
import type { Socket } from 'node:net'
import { LINGER_TIMEOUT_MS, MAX_READ_BYTES_PER_TURN } from '../params/limits.ts'
import type { PeerId } from '../primitives/brand.ts'
import { errorText } from '../primitives/errors.ts'

/** What the system hands over in one piece at most. A shorter piece was the last one that was there. */
const FULL_PIECE_BYTES = 65_536
/**
 * So much is handed to the system at once at most. It tells of a piece only when it has taken all of it, and a peer
 * behind a slow line, who takes a megabyte in some minutes, must not look like one who takes nothing.
 */
const WRITE_PIECE_BYTES = 65_536

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
  /** Given to us but not yet reported as taken. */
  #handedBytes = 0
  /** Of these, what the system has not been given yet. */
  #queue: Uint8Array[] = []
  #queuedBytes = 0
  /** To be ended when the queue is empty. */
  #ending = false
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
    // We end our side ourselves, when all that waits has been written.
    socket.allowHalfOpen = true
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
    if (!this.#socket.writable) return
    for (const chunk of chunks) {
      this.#queue.push(chunk)
      this.#queuedBytes += chunk.length
      this.#handedBytes += chunk.length
    }
    this.#pump()
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
    socket.removeAllListeners('data')
    socket.resume()
    this.#endSoon()
  }

  /** Ends our side when what was written before has been taken, or the whole connection if that is not soon. */
  readonly #endSoon = (): void => {
    const socket = this.#socket
    const timer = setTimeout(() => socket.destroy(), LINGER_TIMEOUT_MS)
    socket.once('close', () => clearTimeout(timer))
    this.#ending = true
    this.#pump()
  }

  /** Hands over as much as the system should have at once, each time in one call; the rest follows when that is taken. */
  readonly #pump = (): void => {
    const socket = this.#socket
    while (this.#queue.length > 0 && socket.writable && socket.writableLength < WRITE_PIECE_BYTES) {
      const chunks = this.#take(WRITE_PIECE_BYTES - socket.writableLength)
      if (chunks.length > 1) socket.cork()
      for (const chunk of chunks) socket.write(chunk, this.#pump)
      if (chunks.length > 1) socket.uncork()
    }
    this.#report()
    if (this.#ending && this.#queue.length === 0 && socket.writable) socket.end()
  }

  /** The next bytes of the queue, up to so many. */
  #take(maxBytes: number): readonly Uint8Array[] {
    const queue = this.#queue
    if (this.#queuedBytes <= maxBytes) {
      this.#queue = []
      this.#queuedBytes = 0
      return queue
    }
    let room = maxBytes
    const chunks: Uint8Array[] = []
    for (const chunk of queue) {
      if (chunk.length > room) break
      chunks.push(chunk)
      room -= chunk.length
    }
    queue.splice(0, chunks.length)
    const [next] = queue
    if (next !== undefined && room > 0) {
      chunks.push(next.subarray(0, room))
      queue[0] = next.subarray(room)
      room = 0
    }
    this.#queuedBytes -= maxBytes - room
    return chunks
  }

  #report(): void {
    const flushed = this.#handedBytes - this.#queuedBytes - this.#socket.writableLength
    if (flushed <= 0) return
    this.#handedBytes -= flushed
    this.#events.flushed(this.peer, flushed)
  }
}
