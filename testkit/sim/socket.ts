/** One end of a virtual connection, and the connection: what a node's shell would have a TCP socket for. */
import { LINGER_TIMEOUT_MS } from '../../src/params/limits.ts'
import type { Endpoint } from '../../src/primitives/ip.ts'
import { type CutKind, type Line, Pipe, type PipeReader, type PipeWriter, type Surroundings } from './pipe.ts'

export interface SocketHandler {
  data(chunk: Uint8Array): void
  /** The system took so many of the written bytes. */
  flushed(bytes: number): void
  /** Ended by the other side, or lost with this error. Nothing else is called afterwards. */
  closed(error?: string): void
}

export class SimSocket implements PipeReader, PipeWriter {
  readonly local: Endpoint
  readonly remote: Endpoint
  readonly out: Pipe
  readonly in: Pipe
  handler: SocketHandler | undefined
  state: PipeReader['state'] = 'open'
  readonly #around: Surroundings
  /** A reset that came while nobody read: noticed when somebody reads or writes. */
  #unnoticed: string | undefined
  #paused = true

  constructor(local: Endpoint, remote: Endpoint, out: Pipe, into: Pipe, around: Surroundings) {
    this.local = local
    this.remote = remote
    this.out = out
    this.in = into
    this.#around = around
    out.writer = this
    into.reader = this
    into.pause()
  }

  write(chunks: readonly Uint8Array[]): void {
    if (this.state !== 'open') return
    if (this.#unnoticed === undefined) return this.out.write(chunks)
    this.#notice()
  }

  pause(): void {
    this.#paused = true
    this.in.pause()
  }

  resume(): void {
    this.#paused = false
    this.in.resume()
    this.#notice()
  }

  /** Closes from this side; the handler hears no more. `deliver`: what was written still goes out, if it can soon. */
  close(deliver: boolean): void {
    if (this.state !== 'open') return
    this.handler = undefined
    if (!deliver) return this.#finish()
    this.state = 'lingering'
    this.in.resume()
    this.out.end()
    this.#around.time.after(LINGER_TIMEOUT_MS, () => {
      if (this.state === 'lingering') this.#finish()
    })
  }

  /** Closes with a reset: what was written may be lost, and the other side is told of an error. */
  reset(): void {
    if (this.state === 'closed' || this.state === 'gone') return
    this.handler = undefined
    this.state = 'closed'
    this.out.reset()
  }

  /** The machine is off: from now on nothing comes out of this end, not even a word that it is gone. */
  vanish(): void {
    this.handler = undefined
    this.state = 'gone'
    this.out.lost = true
  }

  /** The machine is on again and knows nothing of this connection: whoever writes to it gets a reset. */
  disown(): void {
    if (this.state === 'gone') this.state = 'closed'
  }

  data(chunk: Uint8Array): void {
    this.handler?.data(chunk)
  }

  taken(bytes: number): void {
    this.handler?.flushed(bytes)
  }

  ended(error?: string): void {
    if (this.state === 'lingering') return this.#finish()
    if (this.state !== 'open') return
    // Bytes that wait to be written are refused now; otherwise only who reads or writes learns of a reset.
    if (error !== undefined && this.#paused && this.out.waitingBytes === 0) {
      this.#unnoticed = error
      return
    }
    const { handler } = this
    this.#finish()
    handler?.closed(error)
  }

  /** Nothing is told in the middle of a call from above. */
  #notice(): void {
    const error = this.#unnoticed
    if (error === undefined) return
    this.#around.time.after(0, () => {
      if (this.state !== 'open') return
      const { handler } = this
      this.#finish()
      handler?.closed(error)
    })
  }

  #finish(): void {
    this.handler = undefined
    this.state = 'closed'
    this.out.abort()
  }
}

/** `dialler` and `listener` are its ends. */
export class Connection {
  readonly dialler: SimSocket
  readonly listener: SimSocket

  constructor(from: Endpoint, to: Endpoint, line: Line, around: Surroundings) {
    const forth = new Pipe(line, around)
    const back = new Pipe(line, around)
    this.dialler = new SimSocket(from, to, forth, back, around)
    this.listener = new SimSocket(to, from, back, forth, around)
  }

  get open(): boolean {
    return this.dialler.state === 'open' && this.listener.state === 'open'
  }

  /** Something in between ends the connection. */
  break(kind: CutKind): void {
    const { dialler, listener } = this
    if (kind === 'silence') {
      dialler.out.lost = true
      listener.out.lost = true
    } else {
      const error = kind === 'reset' ? 'ECONNRESET' : undefined
      // Neither of the two hears anything more of the other.
      dialler.out.lost = true
      listener.out.lost = true
      dialler.ended(error)
      listener.ended(error)
    }
  }
}
