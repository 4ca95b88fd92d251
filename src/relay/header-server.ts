/**
 * Answers to `getheaders`. Whoever downloads the chain from its start asks for the same runs of 2,000 as everybody
 * else; of such a run the frame's first bytes are kept, so that it is neither hashed nor copied again.
 */
import type { Peer } from '../peer/peer.ts'
import { type HeaderList, MAX_HEADERS } from '../wire/header.ts'
import type { Sayer } from './hooks.ts'

export class HeaderServer {
  readonly #sayer: Sayer
  /** What stands before the entries of a full list, as long as the list lives. */
  readonly #heads = new WeakMap<HeaderList, Uint8Array>()

  constructor(sayer: Sayer) {
    this.#sayer = sayer
  }

  answer(peer: Peer, headers: HeaderList): void {
    const head = this.#heads.get(headers)
    if (head !== undefined) return void this.#sayer.sendFrame(peer, 'headers', head, headers.bytes)
    peer.allowance.useWork(headers.length / MAX_HEADERS)
    const frame = this.#sayer.frame({ type: 'headers', headers })
    if (headers.length === MAX_HEADERS)
      this.#heads.set(headers, frame.slice(0, frame.length - headers.bytes.length))
    this.#sayer.sendFrame(peer, 'headers', frame)
  }
}
