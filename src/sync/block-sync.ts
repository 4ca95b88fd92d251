/** Who is asked for headers and blocks, when, and what is given up. */
import type { Chain } from '../chain/chain.ts'
import type { StoredBlock } from '../chain/io.ts'
import type { ChainOutcome } from '../chain/outcomes.ts'
import type { Peer } from '../peer/peer.ts'
import type { Now, PeerId } from '../primitives/brand.ts'
import type { Block } from '../wire/block.ts'
import type { HeaderList } from '../wire/header.ts'
import type { Inventory } from '../wire/inventory.ts'

export class BlockSync {
  readonly #chain: Chain
  readonly #peers = new Set<PeerId>()

  constructor(chain: Chain) {
    this.#chain = chain
  }

  get nextDeadline(): number {
    return Number.POSITIVE_INFINITY
  }

  keyedIds(): Iterable<PeerId> {
    return this.#peers
  }

  ready(peer: Peer, _: Now): void {
    this.#peers.add(peer.id)
  }

  forget(id: PeerId): void {
    this.#peers.delete(id)
  }

  onHeaders(peer: Peer, headers: HeaderList, _: Now): void {
    this.#chain.submitHeaders(peer.id, headers)
  }

  onInv(_peer: Peer, _inventory: Inventory, _now: Now): void {}

  onBlock(peer: Peer, block: Block, received: StoredBlock | undefined, _: Now): void {
    this.#chain.submitBlock(peer.id, block, received)
  }

  outcome(_outcome: ChainOutcome, _now: Now): void {}

  due(_: Now): void {}
}
