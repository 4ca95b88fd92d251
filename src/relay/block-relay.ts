/**
 * Relay: what this node tells others of blocks, gives them, and makes of compact blocks. Joins the parts of this room
 * with the peers they are about. A peer costs a few hundred bytes, and what its open questions hold.
 */
import type { BlockBody } from '../chain/block-body.ts'
import type { Chain } from '../chain/chain.ts'
import type { HeaderNode } from '../chain/header-node.ts'
import type { StoredBlock } from '../chain/io.ts'
import type { ChainOutcome } from '../chain/outcomes.ts'
import { BLOCK_TXN_DEPTH, MISSES_PER_WORK } from '../params/limits.ts'
import type { Peer } from '../peer/peer.ts'
import type { PeerId } from '../primitives/brand.ts'
import type { RandomSource } from '../primitives/random.ts'
import type { Block } from '../wire/block.ts'
import { type Inventory, InvType } from '../wire/inventory.ts'
import type { MessageOf } from '../wire/messages.ts'
import { Announcer } from './announcer.ts'
import { BlockServer } from './block-server.ts'
import { CompactReceiver } from './compact-receiver.ts'
import { HeaderServer } from './header-server.ts'
import type { RelayHooks } from './hooks.ts'
import { RecentBlocks } from './recent-blocks.ts'
import { RelayPeer } from './relay-peer.ts'
import type { TransactionSource } from './transaction-source.ts'
import { V1Announcer } from './v1-announcer.ts'

/** Entries of an `inv` that are looked at to learn what a peer has; it tells the newest last. */
const INVENTORY_SAMPLE = 8

export class BlockRelay {
  readonly #chain: Chain
  readonly #peers = new Map<PeerId, RelayPeer>()
  readonly #recent: RecentBlocks
  readonly #headers: HeaderServer
  readonly #server: BlockServer
  readonly #announcer: Announcer
  readonly #v1: V1Announcer
  readonly #compact: CompactReceiver

  constructor(chain: Chain, transactions: TransactionSource, random: RandomSource, hooks: RelayHooks) {
    this.#chain = chain
    this.#recent = new RecentBlocks(hooks.form)
    this.#headers = new HeaderServer(hooks.sayer)
    this.#server = new BlockServer(chain, this.#recent, hooks, () => this.#peers.values())
    this.#announcer = new Announcer(chain, this.#recent, hooks, random)
    this.#v1 = new V1Announcer(chain, hooks)
    this.#compact = new CompactReceiver(chain, transactions, hooks)
  }

  *keyedIds(): Generator<PeerId> {
    yield* this.#peers.keys()
    yield* this.#v1.keyedIds
    yield* this.#compact.keyedIds
  }

  get nextDeadline(): number {
    if (this.#announcer.isDue || this.#server.isDue) return Number.NEGATIVE_INFINITY
    return Math.min(this.#v1.nextDeadline, this.#compact.nextDeadline)
  }

  ready(peer: Peer): void {
    const relayPeer = new RelayPeer(peer)
    this.#peers.set(peer.id, relayPeer)
    if (relayPeer.isV1) this.#v1.ready(relayPeer)
    else this.#announcer.ready(relayPeer)
  }

  forget(id: PeerId): void {
    const peer = this.#peers.get(id)
    if (peer === undefined) return
    peer.gone = true
    this.#peers.delete(id)
    this.#server.forget(peer)
    this.#v1.forget(id)
    this.#compact.forget(id)
  }

  /** A block was joined to the end of the chain. */
  joined(node: HeaderNode, body: BlockBody): void {
    this.#announcer.onJoined(node, body)
  }

  outcome(outcome: ChainOutcome): void {
    switch (outcome.type) {
      case 'headers':
        if (outcome.source !== 'local' && outcome.last !== undefined)
          this.#peers.get(outcome.source)?.known.show(outcome.last)
        return this.#compact.onHeaders()
      case 'block':
        return this.#onBlockOutcome(outcome)
      case 'tip':
        // Before it is announced: whoever gets a block need not be told of it.
        this.#server.onTip(this.#peers.values(), outcome.connected)
        return this.#announcer.onTip()
    }
  }

  due(): void {
    if (this.#announcer.isDue) this.#announcer.announce(this.#peers.values())
    if (this.#server.isDue) this.#server.due()
    this.#v1.due()
    this.#compact.due()
  }

  /** Bytes for the peer have left: there may be room for what it asked for or has to be told. */
  flushed(id: PeerId): void {
    const peer = this.#peers.get(id)
    if (peer === undefined) return
    this.#server.onFlushed(peer)
    this.#announcer.onFlushed(peer)
  }

  /** The peer has sent a block, which may be one that we have: then the chain is not asked about it. */
  onBlock(id: PeerId, { header }: Block): void {
    const node = this.#chain.tree.find(header.bytes)
    if (node === undefined) return
    this.#peers.get(id)?.known.show(node)
    this.#v1.reacted(id, node)
  }

  /** A block is on its way into the chain; the announcement of a new tip has need of its body. */
  offer(block: Block, received: StoredBlock | undefined): void {
    if (received !== undefined && !this.#chain.isInitialDownload)
      this.#recent.offer(block.header.bytes, received)
  }

  /** The newest blocks among what a peer announces, if we know them, tell what it has. */
  onInv(id: PeerId, inventory: Inventory): void {
    const peer = this.#peers.get(id)
    for (let i = Math.max(0, inventory.length - INVENTORY_SAMPLE); i < inventory.length; i++) {
      const { type, hash } = inventory.at(i)
      const node = type === InvType.block ? this.#chain.tree.get(hash) : undefined
      if (node !== undefined) peer?.known.show(node)
    }
  }

  /** Always answered, as every node expects (wire-protocol 5.11). */
  onGetheaders(peer: Peer, { locator, stop }: MessageOf<'getheaders'>): void {
    const known = this.#peers.get(peer.id)?.known
    const nodes = locator.map((hash) => this.#chain.tree.get(hash))
    const base = nodes.find((node) => node !== undefined)
    // What we told it of by a header may be a block that it has yet to ask for.
    if (base !== undefined && known?.has(base) === false) known.show(base)
    peer.allowance.useWork(nodes.filter((node) => node === undefined).length / MISSES_PER_WORK)
    const headers = this.#chain.headersAfter(locator, stop)
    this.#headers.answer(peer, headers)
    if (headers.length === 0) return
    const last = this.#chain.tree.find(headers.at(headers.length - 1).bytes)
    if (last !== undefined) known?.tell(last)
  }

  onGetdata(id: PeerId, inventory: Inventory): void {
    const peer = this.#peers.get(id)
    if (peer === undefined) return
    for (const node of this.#server.onGetdata(peer, inventory)) this.#v1.reacted(id, node)
  }

  onGetblocktxn(id: PeerId, message: MessageOf<'getblocktxn'>): void {
    const peer = this.#peers.get(id)
    if (peer !== undefined) this.#server.onGetblocktxn(peer, message)
  }

  /** `bytes`: of the message's payload. */
  onCompactBlock(id: PeerId, message: MessageOf<'cmpctblock'>, bytes: number): void {
    const peer = this.#peers.get(id)
    if (peer !== undefined) this.#compact.onCompactBlock(peer, message, bytes)
  }

  onBlockTransactions(id: PeerId, message: MessageOf<'blocktxn'>): void {
    const peer = this.#peers.get(id)
    if (peer !== undefined) this.#compact.onBlockTransactions(peer, message)
  }

  #onBlockOutcome({ source, verdict, node }: Extract<ChainOutcome, { type: 'block' }>): void {
    if (node === undefined) return
    if (source !== 'local') {
      this.#peers.get(source)?.known.show(node)
      this.#v1.reacted(source, node)
    }
    const isRecent = node.height >= this.#chain.tip.height - BLOCK_TXN_DEPTH
    this.#recent.judged(node, verdict === 'stored' && isRecent)
    if (verdict !== 'mutated' && verdict !== 'busy') this.#compact.onBlock(node)
  }
}
