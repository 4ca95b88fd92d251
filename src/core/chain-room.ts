/**
 * The chain's place in the core: joins the chain with the world (its questions become effects) and with those who
 * live by it, synchronisation and relay. What the chain tells is kept until the input at hand has been taken, so
 * that nobody is called in the middle of his own work.
 */
import type { Chain, CreateChain } from '../chain/chain.ts'
import type { IoResult, Job, StoredBlock } from '../chain/io.ts'
import type { ChainOutcome } from '../chain/outcomes.ts'
import { V1_LISTENER_PING_INTERVAL_MS } from '../params/limits.ts'
import type { NetworkParams } from '../params/networks.ts'
import type { DisconnectReason } from '../peer/disconnect.ts'
import type { BrokenRule, Offence } from '../peer/offences.ts'
import type { Peer } from '../peer/peer.ts'
import type { PeerManager } from '../pool/peer-manager.ts'
import type { Now, PeerId } from '../primitives/brand.ts'
import type { RandomSource } from '../primitives/random.ts'
import { BlockRelay } from '../relay/block-relay.ts'
import type { BlockRequests } from '../relay/hooks.ts'
import { noTransactions } from '../relay/transaction-source.ts'
import { BlockSync } from '../sync/block-sync.ts'
import type { SyncEvent } from '../sync/hooks.ts'
import type { Block } from '../wire/block.ts'
import type { HeaderList } from '../wire/header.ts'
import type { Inventory } from '../wire/inventory.ts'
import type { Transaction } from '../wire/transaction.ts'
import type { OffenceDetail } from './ends.ts'
import { IoTable } from './io-table.ts'
import type { Outbox } from './outbox.ts'
import type { Command, NodeEvent } from './seam.ts'
import type { MessageSender } from './sender.ts'
import { TransactionRoom } from './transaction-room.ts'

/** One who lives by the chain. */
export interface ChainPart {
  /** The handshake with a peer is complete. */
  ready(peer: Peer, now: Now): void
  forget(id: PeerId): void
  outcome(outcome: ChainOutcome, now: Now): void
  /** When {@link due} has something to do; in the past while something is to be done at once. */
  readonly nextDeadline: number
  due(now: Now): void
  /** Peers that a table in it is keyed by. */
  keyedIds(): Iterable<PeerId>
}

export interface ChainRoomHooks {
  readonly outbox: Outbox
  readonly peers: PeerManager
  readonly sender: MessageSender
  readonly network: NetworkParams
  /** Memory for transactions that wait to be mined; undefined: the usual. */
  readonly mempoolBytes: number | undefined
  offend(peer: Peer, offence: Offence, detail: OffenceDetail): void
  disconnect(peer: Peer, reason: DisconnectReason, detail?: string): void
  /** The peer has something to be sent, or may be read from again. */
  touched(peer: Peer): void
  /** Bytes that wait to be sent to all peers together. */
  sendingBytes(): number
}

export class ChainRoom {
  readonly chain: Chain
  readonly sync: BlockSync
  readonly relay: BlockRelay
  /** Undefined where transactions mean nothing to the chain. */
  readonly transactions: TransactionRoom | undefined
  readonly #hooks: ChainRoomHooks
  readonly #io: IoTable
  readonly #parts: readonly ChainPart[]
  #outcomes: ChainOutcome[] = []

  constructor(create: CreateChain, random: RandomSource, hooks: ChainRoomHooks) {
    const { outbox } = hooks
    this.#hooks = hooks
    this.#io = new IoTable(outbox)
    this.chain = create({
      ask: this.#io.ask,
      outcome: (outcome) => this.#outcomes.push(outcome),
      now: () => outbox.now,
      blockConnected: (node, body) => {
        this.relay.joined(node, body)
        return this.transactions?.blockConnected(node, body) ?? nothingToDo()
      },
      blockDisconnected: (node, body) => this.transactions?.blockDisconnected(node, body) ?? nothingToDo(),
    })
    this.sync = this.#createSync()
    this.transactions = this.#createTransactions(random.fork('transactions'))
    this.relay = new BlockRelay(this.chain, this.transactions?.mempool ?? noTransactions, random, {
      form: hooks.network.chain,
      sayer: hooks.sender,
      requests: this.#requests(),
      now: () => outbox.now,
      offend: (peer, offence, detail) => hooks.offend(peer, offence, detail),
      touched: (peer) => hooks.touched(peer),
      sendingBytes: () => hooks.sendingBytes(),
      gave: (peer, node) => this.transactions?.relay.onGave(peer.id, node, outbox.now),
    })
    // Relay first: what comes in parts is not to be asked for whole.
    this.#parts = [this.relay, this.sync, ...(this.transactions === undefined ? [] : [this.transactions])]
  }

  #createSync(): BlockSync {
    const { outbox, sender, network } = this.#hooks
    const { spacingSeconds, maxReorgDepth } = network.chain
    const hooks = {
      getheaders: (peer: Peer, locator: readonly Uint8Array[]) => sender.getheaders(peer, locator),
      getdata: (peer: Peer, hashes: readonly Uint8Array[]) => {
        if (peer.isFirstRelease) peer.pings.asked(outbox.now.mono, V1_LISTENER_PING_INTERVAL_MS)
        sender.getBlocks(peer, hashes)
      },
      offend: (peer: Peer, offence: Offence, detail: BrokenRule) => this.#hooks.offend(peer, offence, detail),
      disconnect: (peer: Peer, reason: DisconnectReason, detail?: string) =>
        this.#hooks.disconnect(peer, reason, detail),
      event: (event: SyncEvent) => outbox.event(event),
    }
    return new BlockSync(this.chain, { spacingSeconds, maxReorgDepth }, hooks, outbox.now)
  }

  #createTransactions(random: RandomSource): TransactionRoom | undefined {
    const { forMempool } = this.chain
    if (forMempool === undefined) return undefined
    const { outbox, sender, mempoolBytes } = this.#hooks
    return new TransactionRoom(this.chain, forMempool, random, mempoolBytes, {
      sayer: sender,
      now: () => outbox.now,
      heightOf: (id) => this.sync.bestOf(id)?.height,
      forkHeightOf: (id) => this.sync.forkHeightOf(id),
      offend: (peer, offence, detail) => this.#hooks.offend(peer, offence, detail),
      event: (event) => outbox.event(event),
    })
  }

  /** What our `version` says. */
  get height(): number {
    return this.chain.tip.height
  }

  get nextDeadline(): number {
    return this.#parts.reduce<number>(
      (next, part) => Math.min(next, part.nextDeadline),
      this.chain.nextDeadline,
    )
  }

  /** Every id that a table here is keyed by. */
  *keyedIds(): Generator<PeerId> {
    for (const part of this.#parts) yield* part.keyedIds()
  }

  ioDone(id: number, result: IoResult): void {
    this.#io.done(id, result)
  }

  /** The handshake is complete. Probes, and seeds that are only asked for addresses, have no part in this. */
  ready(peer: Peer, now: Now): void {
    if (this.#hooks.peers.get(peer.id) !== peer || peer.kind === 'feeler' || peer.kind === 'seed') return
    for (const part of this.#parts) part.ready(peer, now)
  }

  forget(id: PeerId): void {
    this.chain.forget(id)
    for (const part of this.#parts) part.forget(id)
  }

  headers(peer: Peer, headers: HeaderList, now: Now): void {
    this.sync.onHeaders(peer, headers, now)
  }

  inv(peer: Peer, inventory: Inventory, now: Now): void {
    this.relay.onInv(peer.id, inventory)
    this.sync.onInv(peer, inventory, now)
    this.transactions?.relay.onInv(peer, inventory, now)
  }

  getdata(peer: Peer, inventory: Inventory, now: Now): void {
    this.relay.onGetdata(peer.id, inventory)
    this.transactions?.relay.onGetdata(peer.id, inventory, now)
  }

  transaction(peer: Peer, transaction: Transaction): void {
    this.transactions?.relay.onTransaction(peer, transaction)
  }

  mempool(peer: Peer, now: Now): void {
    this.transactions?.relay.onMempool(peer, now)
  }

  block(peer: Peer, block: Block, received: StoredBlock | undefined, now: Now): void {
    this.relay.onBlock(peer.id, block)
    this.relay.offer(block, received)
    this.sync.onBlock(peer, block, received, now)
  }

  command(command: Extract<Command, { type: 'withChain' | 'requestBlocks' }>): void {
    if (command.type === 'withChain') command.use(this.chain, this.transactions?.mempool)
    else command.done(this.sync.request(command.nodes, this.#hooks.outbox.now))
  }

  /** To be called after each input: passes on what the chain has told, and lets everybody do what is due. */
  finish(now: Now): void {
    do {
      const outcomes = this.#outcomes
      this.#outcomes = []
      for (const outcome of outcomes) this.#tell(outcome, now)
      if (now.mono >= this.chain.nextDeadline) this.chain.due(now)
      for (const part of this.#parts) if (now.mono >= part.nextDeadline) part.due(now)
      // What is due may end peers, which makes something else due.
    } while (this.#outcomes.length > 0 || now.mono >= this.nextDeadline)
  }

  /** Bytes for the peer have left. */
  flushed(peer: Peer): void {
    this.relay.flushed(peer.id)
    this.transactions?.relay.flushed(peer.id)
  }

  stop(): void {
    this.chain.stop()
  }

  /** Relay asks for blocks by the one table of requests. */
  #requests(): BlockRequests {
    const { sync } = this
    return {
      isRequested: (node) => sync.isRequested(node),
      claim: (peer, node, now) => sync.claim(peer, node, now),
      release: (peer, node, now) => sync.release(peer, node, now),
      fetch: (peer, node, now) => sync.fetch(peer, node, now),
      onHeaders: (peer, headers, now) => sync.onHeaders(peer, headers, now),
      onBlock: (peer, block, received, now) => {
        this.relay.offer(block, received)
        sync.onAssembled(peer, block, received, now)
      },
    }
  }

  #tell(outcome: ChainOutcome, now: Now): void {
    if (outcome.type === 'block' && outcome.verdict === 'stored') this.#noteUse(outcome, now)
    for (const part of this.#parts) part.outcome(outcome, now)
    if (isNews(outcome)) this.#hooks.outbox.event({ type: 'chain', outcome })
  }

  /** Who brings blocks that may become our tip is not evicted lightly. */
  #noteUse({ source, node }: Extract<ChainOutcome, { type: 'block' }>, now: Now): void {
    const peer = source === 'local' ? undefined : this.#hooks.peers.get(source)
    if (peer === undefined || node === undefined || node.work < this.chain.tip.work) return
    peer.lastBlockAt = now.mono
    peer.allowance.refundWork()
  }
}

/** Answers to peers are nobody else's business. */
function isNews(outcome: ChainOutcome): outcome is Extract<NodeEvent, { type: 'chain' }>['outcome'] {
  return !('source' in outcome) || outcome.source === 'local' || outcome.type === 'blockFailed'
}

function* nothingToDo(): Job<void> {}
