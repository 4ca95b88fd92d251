/**
 * Questions to the world that are under way: each goes out as an `io` effect with a number, and its answer comes
 * as the input `ioDone` with the same. Bounded by what the chain asks for at once.
 */
import type { AskIo, IoResult } from '../chain/io.ts'
import type { Outbox } from './outbox.ts'

export class IoTable {
  readonly #outbox: Outbox
  readonly #waiting = new Map<number, (result: IoResult) => void>()
  #lastId = 0

  constructor(outbox: Outbox) {
    this.#outbox = outbox
  }

  /** Questions without an answer yet. */
  get size(): number {
    return this.#waiting.size
  }

  readonly ask: AskIo = (request, done) => {
    const id = ++this.#lastId
    this.#waiting.set(id, done)
    this.#outbox.push({ type: 'io', id, request })
  }

  /** Throws if nothing of that number is under way: each question is answered once. */
  done(id: number, result: IoResult): void {
    const done = this.#waiting.get(id)
    if (done === undefined) throw new Error(`an answer to question ${id}, which was not asked`)
    this.#waiting.delete(id)
    done(result)
  }
}
