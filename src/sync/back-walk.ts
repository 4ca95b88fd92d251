/**
 * The way back from a block of a node of the first release to something that we know. Such a node can't be asked for
 * headers: it is asked for the block that it announces, then for that one's parent, and so on; when a known block is
 * reached, the headers are given to the chain in order, and the blocks are downloaded like others. One way per peer,
 * with one question under way; bounded by MAX_BACK_WALK headers of 80 bytes.
 */
import type { Chain } from '../chain/chain.ts'
import { HEADERS_RETRY_MS, MAX_BACK_WALK } from '../params/limits.ts'
import type { PeerId } from '../primitives/brand.ts'
import { BlockHeader, HeaderList, MAX_HEADERS } from '../wire/header.ts'
import type { SyncHooks } from './hooks.ts'
import type { SyncPeer } from './sync-peer.ts'

interface Walk {
  /** From the newest to the oldest. */
  readonly headers: Uint8Array[]
  askedAt: number
}

export class BackWalks {
  readonly #chain: Chain
  readonly #hooks: SyncHooks
  readonly #walks = new Map<PeerId, Walk>()

  constructor(chain: Chain, hooks: SyncHooks) {
    this.#chain = chain
    this.#hooks = hooks
  }

  keyedIds(): Iterable<PeerId> {
    return this.#walks.keys()
  }

  forget(id: PeerId): void {
    this.#walks.delete(id)
  }

  /**
   * The peer has announced a block that is not known. A way that has begun goes on, for the peer may take minutes to
   * answer; a question that it has read in vain is asked again.
   */
  start(peer: SyncPeer, hash: Uint8Array, now: number): void {
    const walk = this.#walks.get(peer.id)
    const isLost =
      walk !== undefined && now >= walk.askedAt + HEADERS_RETRY_MS && peer.peer.hasRead(walk.askedAt)
    if (walk !== undefined && !isLost) return
    const last = walk?.headers.at(-1)
    const parent = last === undefined ? undefined : new BlockHeader(last).previousHash
    if (walk === undefined || parent === undefined || this.#chain.tree.get(parent) !== undefined) {
      this.#walks.set(peer.id, { headers: [], askedAt: now })
      return this.#hooks.getdata(peer.peer, [hash])
    }
    walk.askedAt = now
    this.#hooks.getdata(peer.peer, [parent])
  }

  /**
   * A block of the peer whose header is not known. Returns the headers that lead to it from a known one, in runs as
   * long as the chain takes; nothing while the way goes on.
   */
  arrived(peer: SyncPeer, header: BlockHeader, now: number): HeaderList[] {
    const walk = this.#walks.get(peer.id)
    if (walk === undefined) return []
    walk.headers.push(header.bytes.slice())
    walk.askedAt = now
    if (this.#chain.tree.get(header.previousHash) === undefined) {
      if (walk.headers.length >= MAX_BACK_WALK) this.#walks.delete(peer.id)
      else this.#hooks.getdata(peer.peer, [header.previousHash])
      return []
    }
    this.#walks.delete(peer.id)
    const headers = walk.headers.reverse().map((bytes) => new BlockHeader(bytes))
    const runs: HeaderList[] = []
    for (let i = 0; i < headers.length; i += MAX_HEADERS)
      runs.push(HeaderList.of(headers.slice(i, i + MAX_HEADERS)))
    return runs
  }
}
