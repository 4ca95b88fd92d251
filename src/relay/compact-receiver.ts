/**
 * Compact blocks of others (wire-protocol 5.18 to 5.20). The header comes first: until the chain has taken it, proof
 * of work and all, nothing is spent on the rest. Then the block is put together from what we have, the announcer is
 * asked for what is missing, and where that does not fit the whole block is fetched, without blaming anybody. Owns the
 * blocks that wait for either, a few per peer and in all, for half a minute.
 */
import type { Chain } from '../chain/chain.ts'
import { type HeaderNode, NodeFlag } from '../chain/header-node.ts'
import {
  MAX_COMPACT_BLOCK_BYTES,
  MAX_PARTIAL_BLOCKS,
  MAX_PARTIAL_BLOCKS_PER_PEER,
  MISSES_PER_WORK,
  PARTIAL_BLOCK_TIMEOUT_MS,
} from '../params/limits.ts'
import type { Peer } from '../peer/peer.ts'
import type { PeerId } from '../primitives/brand.ts'
import { bytesEqual } from '../primitives/bytes.ts'
import { IdSet } from '../primitives/id-set.ts'
import { MAX_INDEX, MAX_INDEXES } from '../wire/compact.ts'
import { HeaderList } from '../wire/header.ts'
import type { MessageOf } from '../wire/messages.ts'
import type { RelayHooks } from './hooks.ts'
import { PartialBlock } from './partial-block.ts'
import type { RelayPeer } from './relay-peer.ts'
import type { TransactionSource } from './transaction-source.ts'

interface Waiting {
  readonly peer: Peer
  /** Milliseconds; then it is given up. */
  readonly until: number
  /** Until the chain knows the header. */
  readonly message: MessageOf<'cmpctblock'> | undefined
  /** From then on. */
  readonly node: HeaderNode | undefined
  readonly partial: PartialBlock | undefined
}

export class CompactReceiver {
  readonly #chain: Chain
  readonly #transactions: TransactionSource
  readonly #hooks: RelayHooks
  /** In the order in which they came. */
  #waiting: Waiting[] = []
  /** Blocks that a peer has brought: each is put together once, for that is a look at the whole mempool. */
  readonly #begun = new WeakMap<Peer, IdSet>()

  constructor(chain: Chain, transactions: TransactionSource, hooks: RelayHooks) {
    this.#chain = chain
    this.#transactions = transactions
    this.#hooks = hooks
  }

  get keyedIds(): PeerId[] {
    return this.#waiting.map(({ peer }) => peer.id)
  }

  get nextDeadline(): number {
    return this.#waiting[0]?.until ?? Number.POSITIVE_INFINITY
  }

  /** `bytes`: of the message's payload. */
  onCompactBlock({ peer, known }: RelayPeer, message: MessageOf<'cmpctblock'>, bytes: number): void {
    const { header } = message
    const { tree } = this.#chain
    const node = tree.find(header.bytes)
    // Only an unknown header on a known one is hashed; given back if the block is what it promises to be.
    const isHashed = node === undefined && tree.get(header.previousHash) !== undefined
    peer.allowance.useWork(isHashed ? 1 : 1 / MISSES_PER_WORK)
    if (node !== undefined) known.show(node)
    if (node !== undefined && isSettled(node)) return
    const isOfUse = !this.#chain.isInitialDownload && bytes <= MAX_COMPACT_BLOCK_BYTES
    const hasRoom = isOfUse && this.#makeRoom(peer, header.bytes)
    if (hasRoom && node === undefined) this.#wait({ peer, message, node: undefined, partial: undefined })
    this.#hooks.requests.onHeaders(peer, HeaderList.of([header]), this.#hooks.now())
    if (hasRoom && node !== undefined) this.#begin(peer, node, message)
  }

  onBlockTransactions({ peer }: RelayPeer, message: MessageOf<'blocktxn'>): void {
    const waiting = this.#waiting.find(
      (other) =>
        other.peer === peer && other.node !== undefined && bytesEqual(other.node.hash, message.blockHash),
    )
    if (waiting?.node === undefined || waiting.partial === undefined) return
    this.#drop(waiting)
    if (isSettled(waiting.node)) return
    if (!waiting.partial.fill(message.transactions)) return this.#fetch(peer, waiting.node)
    this.#finish(peer, waiting.node, waiting.partial)
  }

  /** The chain has taken headers, or said why not: some that were waited for may be among them. */
  onHeaders(): void {
    for (const waiting of this.#waiting.filter(({ message }) => message !== undefined)) {
      const { peer, message } = waiting
      const node = message === undefined ? undefined : this.#chain.tree.find(message.header.bytes)
      if (message === undefined || node === undefined) continue
      this.#drop(waiting)
      this.#begin(peer, node, message)
    }
  }

  /** The block is here, or is known to be bad: nobody has to bring parts of it. */
  onBlock(node: HeaderNode): void {
    this.#waiting = this.#waiting.filter((other) => other.node !== node)
  }

  forget(id: PeerId): void {
    this.#waiting = this.#waiting.filter(({ peer }) => peer.id !== id)
  }

  due(): void {
    const now = this.#hooks.now()
    const late = this.#waiting.filter(({ until }) => now.mono >= until)
    for (const waiting of late) {
      this.#drop(waiting)
      if (waiting.node !== undefined) this.#hooks.requests.release(waiting.peer, waiting.node, now)
    }
  }

  /** Puts the block of a known header together. */
  #begin(peer: Peer, node: HeaderNode, message: MessageOf<'cmpctblock'>): void {
    if (isSettled(node) || node.work <= this.#chain.tip.work || this.#hasBegun(peer, node)) return
    const partial = PartialBlock.begin(message, this.#transactions)
    if (partial === undefined) return this.#fetch(peer, node)
    const { missing } = partial
    if (missing.length === 0) return this.#finish(peer, node, partial)
    // Somebody else is bringing it already.
    if (this.#hooks.requests.isRequested(node)) return
    if (missing.length > MAX_INDEXES || (missing.at(-1) ?? 0) > MAX_INDEX) return this.#fetch(peer, node)
    this.#wait({ peer, message: undefined, node, partial })
    this.#hooks.requests.claim(peer, node, this.#hooks.now())
    this.#hooks.sayer.send(peer, { type: 'getblocktxn', blockHash: node.hash, indexes: missing })
  }

  /** From now on it has. */
  #hasBegun(peer: Peer, { id }: HeaderNode): boolean {
    const begun = this.#begun.get(peer) ?? new IdSet()
    this.#begun.set(peer, begun)
    if (begun.has(id)) return true
    begun.add(id)
    return false
  }

  #finish(peer: Peer, node: HeaderNode, partial: PartialBlock): void {
    const block = partial.block()
    if (block === undefined) return this.#fetch(peer, node)
    this.#hooks.requests.onBlock(peer, block, block, this.#hooks.now())
  }

  #fetch(peer: Peer, node: HeaderNode): void {
    this.#hooks.requests.fetch(peer, node, this.#hooks.now())
  }

  /** False if this is waited for already, or too much is. */
  #makeRoom(peer: Peer, header: Uint8Array): boolean {
    const own = this.#waiting.filter((other) => other.peer === peer)
    if (own.some(({ message, partial }) => bytesEqual((message ?? partial)?.header.bytes ?? header, header)))
      return false
    const [oldest] = own
    if (oldest !== undefined && own.length >= MAX_PARTIAL_BLOCKS_PER_PEER) {
      this.#drop(oldest)
      if (oldest.node !== undefined) this.#hooks.requests.release(peer, oldest.node, this.#hooks.now())
    }
    return this.#waiting.length < MAX_PARTIAL_BLOCKS
  }

  #wait(waiting: Omit<Waiting, 'until'>): void {
    this.#waiting.push({ ...waiting, until: this.#hooks.now().mono + PARTIAL_BLOCK_TIMEOUT_MS })
  }

  #drop(waiting: Waiting): void {
    this.#waiting = this.#waiting.filter((other) => other !== waiting)
  }
}

/** Is there nothing more to learn of it: is its block here, or was it, or is it bad? */
function isSettled(node: HeaderNode): boolean {
  return node.position !== undefined || node.isFailed || node.has(NodeFlag.pruned)
}
