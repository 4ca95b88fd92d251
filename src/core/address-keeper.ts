/**
 * Sees to it that the address book is saved some time after it has changed, and says what is to be saved: not the
 * built-in seeds that have never answered, which would make a book that leads nowhere look like one that is filled.
 */
import { ADDRESS_SAVE_DELAY_MS } from '../params/limits.ts'
import type { AddressBook } from '../pool/address-book.ts'
import type { SavedAddress, SavedAddresses } from '../pool/address-row.ts'
import type { PeerManager } from '../pool/peer-manager.ts'
import { type MonoMs, monoMs } from '../primitives/brand.ts'
import type { Endpoint } from '../primitives/ip.ts'
import type { Outbox } from './outbox.ts'

const NEVER = monoMs(Number.POSITIVE_INFINITY)

export class AddressKeeper {
  readonly #book: AddressBook
  readonly #peers: PeerManager
  readonly #outbox: Outbox
  readonly #builtIn: readonly Endpoint[]
  #savedRevision: number
  #saveAt: MonoMs = NEVER
  /** Those of last time until there are others: a node that is killed while it starts must not lose them. */
  #lastAnchors: readonly Endpoint[]

  /** `anchors`: of last time. `builtIn`: the seeds that are known without a file. */
  constructor(
    book: AddressBook,
    peers: PeerManager,
    outbox: Outbox,
    anchors: readonly Endpoint[],
    builtIn: readonly Endpoint[],
  ) {
    this.#lastAnchors = anchors
    this.#builtIn = builtIn
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
    const ready = [...this.#peers.all()].filter(
      (peer) => peer.kind === 'blockRelay' && peer.state === 'ready',
    )
    if (ready.length > 0) this.#lastAnchors = ready.map((peer) => peer.remote)
    const saved = this.#book.save(this.#lastAnchors)
    // Rows are the book's own, so that none of thousands has to be looked at closely.
    const mute = new Set<SavedAddress | undefined>(this.#builtIn.map((seed) => this.#book.find(seed)))
    const isWorthIt = (row: SavedAddress): boolean => row.lastSuccessAt > 0 || !mute.has(row)
    return { ...saved, addresses: saved.addresses.filter(isWorthIt) }
  }
}
