/** Sees to it that the address book is saved some time after it has changed, and says what is to be saved. */
import { ADDRESS_SAVE_DELAY_MS } from '../params/limits.ts'
import type { AddressBook } from '../pool/address-book.ts'
import type { SavedAddresses } from '../pool/address-row.ts'
import type { PeerManager } from '../pool/peer-manager.ts'
import { type MonoMs, monoMs } from '../primitives/brand.ts'
import type { Endpoint } from '../primitives/ip.ts'
import type { Outbox } from './outbox.ts'

const NEVER = monoMs(Number.POSITIVE_INFINITY)

export class AddressKeeper {
  readonly #book: AddressBook
  readonly #peers: PeerManager
  readonly #outbox: Outbox
  #savedRevision: number
  #saveAt: MonoMs = NEVER
  #lastAnchors: readonly Endpoint[] | undefined

  constructor(book: AddressBook, peers: PeerManager, outbox: Outbox) {
    this.#book = book
    this.#peers = peers
    this.#outbox = outbox
    this.#savedRevision = book.revision
  }

  /** When {@link due} has something to do. */
  get nextAt(): MonoMs {
    return this.#saveAt
  }

  /** To be called after each input. */
  plan(): void {
    if (this.#saveAt !== NEVER || this.#book.revision === this.#savedRevision) return
    this.#saveAt = monoMs(this.#outbox.now.mono + ADDRESS_SAVE_DELAY_MS)
  }

  /** Asks for the book to be saved, if it is time. A peer that serves us now is noted before. */
  due(): void {
    const { mono } = this.#outbox.now
    if (mono < this.#saveAt) return
    this.#saveAt = NEVER
    for (const peer of this.#peers.all()) {
      if (peer.inbound || peer.readyAt === undefined) continue
      this.#book.served(peer.remote, mono - peer.readyAt)
    }
    this.#savedRevision = this.#book.revision
    this.#outbox.event({ type: 'addressesChanged' })
  }

  /** The book, and the peers to be connected to first after a restart. */
  content(): SavedAddresses {
    return this.#book.save(this.#lastAnchors ?? this.#anchors())
  }

  /** All connections are about to be closed: those of now count as the last ones. */
  freeze(): void {
    this.#lastAnchors = this.#anchors()
  }

  #anchors(): Endpoint[] {
    const ready = [...this.#peers.all()].filter((peer) => peer.state === 'ready')
    return ready.filter((peer) => peer.kind === 'blockRelay').map((peer) => peer.remote)
  }
}
