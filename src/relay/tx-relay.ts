/**
 * Relay of transactions: joins who is asked, who is told and who is given what, with the peers and the mempool.
 * Nothing of it happens while the node catches up: it could not judge what comes.
 */
import type { Chain } from '../chain/chain.ts'
import type { Fault, FaultCode } from '../chain/faults.ts'
import { type HeaderNode, hashKey } from '../chain/header-node.ts'
import type { ChainOutcome } from '../chain/outcomes.ts'
import { knownTransaction, type MempoolEntry } from '../mempool/entry.ts'
import type { Mempool, MempoolOutcome, TransactionOutcome } from '../mempool/mempool.ts'
import {
  MAX_MEMPOOL_ANSWER,
  MAX_MEMPOOL_ANSWER_IN_INV,
  MAX_TX_GREETING,
  MAX_TX_PER_INV,
  MEMPOOL_ANSWER_INTERVAL_MS,
  TX_MAX_LAG_BLOCKS,
  TX_REBROADCAST_MS,
  TX_SETTLE_MS,
} from '../params/limits.ts'
import type { BrokenRule, Offence } from '../peer/offences.ts'
import type { Peer } from '../peer/peer.ts'
import type { Now, PeerId } from '../primitives/brand.ts'
import { hashToHex } from '../primitives/bytes.ts'
import type { RandomSource } from '../primitives/random.ts'
import { Inventory, InvType } from '../wire/inventory.ts'
import type { Transaction } from '../wire/transaction.ts'
import type { Sayer } from './hooks.ts'
import { TxAnnouncer } from './tx-announcer.ts'
import { TxPeer } from './tx-peer.ts'
import { TxRequests } from './tx-requests.ts'
import { TxServer } from './tx-server.ts'

export interface TxRelayHooks {
  readonly sayer: Sayer
  now(): Now
  /** Height of the best block that the peer is known to have. */
  heightOf(peer: PeerId): number | undefined
  /** Height at which the peer's chain leaves ours; undefined if it does not. */
  forkHeightOf(peer: PeerId): number | undefined
  offend(peer: Peer, offence: Offence, detail: BrokenRule): void
}

const NEVER = Number.POSITIVE_INFINITY

/** What no node that judges transactions passes on, wherever its chain ends and whatever its clock says. */
const BLAMED: ReadonlySet<FaultCode> = new Set([
  'coinbase',
  'mandatory-script-verify-flag-failed',
  'bad-txns-version',
  'bad-txns-oversize',
  'bad-txns-vin-empty',
  'bad-txns-vout-empty',
  'bad-txns-vout-toolarge',
  'bad-txns-txouttotal-toolarge',
  'bad-txns-prevout-null',
  'bad-txns-inputs-duplicate',
  'bad-txns-in-belowout',
])

export class TxRelay {
  readonly #chain: Chain
  readonly #pool: Mempool
  readonly #hooks: TxRelayHooks
  readonly #random: RandomSource
  readonly #peers = new Map<PeerId, TxPeer>()
  readonly #requests: TxRequests
  readonly #announcer: TxAnnouncer
  readonly #server: TxServer
  /** Our own that wait to be mined, and when they are told again. */
  readonly #own = new Map<MempoolEntry, number>()
  #ownAt = NEVER

  constructor(chain: Chain, pool: Mempool, random: RandomSource, hooks: TxRelayHooks) {
    this.#chain = chain
    this.#pool = pool
    this.#hooks = hooks
    this.#random = random
    const { sayer } = hooks
    this.#requests = new TxRequests({
      knows: (id) => pool.knows(id),
      isBusy: () => pool.isBusy,
      getdata: (peer, ids) => {
        const inventory = Inventory.of(ids.map((hash) => ({ type: InvType.transaction, hash })))
        sayer.send(peer, { type: 'getdata', inventory })
      },
    })
    this.#announcer = new TxAnnouncer(
      {
        sayer,
        tip: () => chain.tip,
        has: (entry) => pool.table.get(entry.key) === entry,
        mayTell: () => !chain.isInitialDownload && pool.isSettled,
        isCurrent: (peer, now) => this.#isCurrent(peer, now),
        forkHeightOf: (peer) => hooks.forkHeightOf(peer.peer.id),
      },
      random,
    )
    this.#server = new TxServer({
      sayer,
      get: (key) => pool.table.get(key),
      toldAt: (entry) => this.#announcer.toldAt(entry),
    })
  }

  get nextDeadline(): number {
    return Math.min(this.#requests.nextDeadline, this.#announcer.nextDeadline, this.#ownAt)
  }

  *keyedIds(): Generator<PeerId> {
    yield* this.#peers.keys()
    yield* this.#requests.keyedIds()
  }

  ready(peer: Peer, now: Now): void {
    const added = new TxPeer(peer)
    this.#peers.set(peer.id, added)
    let left = MAX_TX_GREETING
    for (const entry of this.#pool.table.sorted()) {
      if (left === 0) break
      if (entry.parents.size > 0) continue
      left--
      this.#announcer.add(added, entry, false, now)
    }
  }

  forget(id: PeerId): void {
    this.#peers.delete(id)
    this.#requests.forget(id)
  }

  chainOutcome(outcome: ChainOutcome, now: Now): void {
    if (outcome.type === 'tip') this.#announcer.onTip(outcome, now)
  }

  poolOutcome(outcome: MempoolOutcome, now: Now): void {
    this.#requests.wake()
    if (outcome.type === 'transaction') return this.#onTransaction(outcome, now)
    const { entry, reason } = outcome
    this.#own.delete(entry)
    if (reason !== 'mined') return
    for (const child of entry.children) if (child.parents.size === 0) this.#announce(child, false, now)
  }

  due(now: Now): void {
    if (now.mono >= this.#requests.nextDeadline) this.#requests.due(now.mono)
    if (now.mono >= this.#ownAt) this.#tellOwnAgain(now)
    if (now.mono >= this.#announcer.nextDeadline) this.#announcer.due(this.#peers.values(), now)
  }

  /** The transactions among what a peer announces. */
  onInv(from: Peer, inventory: Inventory, now: Now): void {
    const peer = this.#peers.get(from.id)
    if (peer?.mayTell !== true) return
    let left = MAX_TX_PER_INV
    const isDeaf = this.#chain.isInitialDownload
    for (let i = 0; i < inventory.length && left > 0; i++) {
      const { type, hash } = inventory.at(i)
      if (type !== InvType.transaction) continue
      left--
      peer.shown.add(hashKey(hash))
      if (!isDeaf && !this.#pool.knows(hash)) this.#requests.announced(from, hash, now.mono)
    }
  }

  onTransaction(from: Peer, transaction: Transaction): void {
    const peer = this.#peers.get(from.id)
    if (peer?.mayTell !== true || this.#chain.isInitialDownload) return
    const known = knownTransaction(transaction)
    peer.shown.add(known.key)
    // What nobody asked for costs as much to judge.
    if (!this.#requests.isAskedOf(from.id, known.key)) from.allowance.useWork()
    this.#requests.received(known.key)
    if (!this.#pool.knows(known.id)) this.#pool.submit(from.id, known)
  }

  onGetdata(id: PeerId, inventory: Inventory, now: Now): void {
    const peer = this.#peers.get(id)
    if (peer === undefined) return
    this.#noteBlocks(peer, inventory, now)
    this.#server.onGetdata(peer, inventory, now)
  }

  /** Everything that may be told to the peer, at once. */
  onMempool(from: Peer, now: Now): void {
    from.allowance.useWork()
    const peer = this.#peers.get(from.id)
    if (peer?.wants !== true || now.mono < peer.poolToldAt + MEMPOOL_ANSWER_INTERVAL_MS) return
    peer.poolToldAt = now.mono
    if (this.#chain.isInitialDownload || !this.#isCurrent(peer, now)) return
    const height = this.#announcer.commonHeight(peer, now)
    const entries: MempoolEntry[] = []
    for (const entry of this.#pool.table.sorted()) {
      if (entries.length >= MAX_MEMPOOL_ANSWER) break
      // What nobody was told yet would show when it came to us.
      const isPublic =
        this.#announcer.toldAt(entry) !== undefined && this.#announcer.isTellable(entry, height, now)
      if (isPublic && !peer.shown.has(entry.key)) entries.push(entry)
    }
    this.#announcer.tell(peer, entries, MAX_MEMPOOL_ANSWER_IN_INV, now)
  }

  /** Bytes for the peer have left. */
  flushed(id: PeerId): void {
    const peer = this.#peers.get(id)
    if (peer !== undefined && peer.asks.length > 0) this.#server.serve(peer)
  }

  #onTransaction(outcome: TransactionOutcome, now: Now): void {
    const { verdict, source, entry, arrival, fault } = outcome
    const peer = source === 'local' ? undefined : this.#peers.get(source)
    if (verdict === 'rejected' && peer !== undefined && fault !== undefined)
      return this.#blame(peer, outcome, fault)
    // It has it, and is asked for it when there is room.
    if (verdict === 'busy' && peer !== undefined)
      return this.#requests.announced(peer.peer, outcome.known.id, now.mono)
    if (entry === undefined) return
    if (entry.isLocal && !this.#own.has(entry)) this.#keepTelling(entry, now)
    const isAgain = verdict === 'known' && source === 'local' && arrival === 'new'
    if (isAgain) return this.#announce(entry, true, now)
    if (verdict !== 'accepted') return
    if (peer !== undefined) peer.peer.lastTransactionAt = now.mono
    // What was saved has been told before.
    if (arrival !== 'restored' || entry.isLocal) this.#announce(entry, false, now)
  }

  #blame({ peer }: TxPeer, { known }: TransactionOutcome, { code, detail = '' }: Fault): void {
    if (!BLAMED.has(code)) return
    const what = `transaction ${hashToHex(known.id)}`
    this.#hooks.offend(peer, 'badTransaction', { kind: 'rule', what, code, detail })
  }

  #announce(entry: MempoolEntry, again: boolean, now: Now): void {
    if (entry.parents.size > 0) return
    for (const peer of this.#peers.values()) this.#announcer.add(peer, entry, again, now)
  }

  #keepTelling(entry: MempoolEntry, { mono }: Now): void {
    const at = mono + TX_REBROADCAST_MS * (0.5 + this.#random.unit())
    this.#own.set(entry, at)
    this.#ownAt = Math.min(this.#ownAt, at)
  }

  #tellOwnAgain(now: Now): void {
    this.#ownAt = NEVER
    for (const [entry, at] of this.#own) {
      if (at <= now.mono) {
        this.#keepTelling(entry, now)
        this.#announce(entry, true, now)
      } else this.#ownAt = Math.min(this.#ownAt, at)
    }
  }

  /** Who asks for blocks does not have them yet, but soon will. */
  #noteBlocks(peer: TxPeer, inventory: Inventory, { mono }: Now): void {
    if (peer.currentAt !== undefined) return
    for (let i = inventory.length - 1; i >= 0; i--) {
      const { type, hash } = inventory.at(i)
      const node = type === InvType.block ? this.#chain.tree.get(hash) : undefined
      if (node === undefined) continue
      if (node.height > (peer.asked?.height ?? -1)) peer.asked = { height: node.height, at: mono }
      return
    }
  }

  /** A peer that never asks, since new blocks are brought to it: if it was at the block before, it is at this one soon. */
  onGave(id: PeerId, { height }: HeaderNode, { mono }: Now): void {
    const peer = this.#peers.get(id)
    if (peer === undefined || peer.currentAt !== undefined) return
    const asked = peer.asked?.height ?? 0
    const before = Math.max(peer.peer.version?.startHeight ?? 0, this.#hooks.heightOf(id) ?? 0, asked)
    if (before >= height - 1 && height > asked) peer.asked = { height, at: mono }
  }

  /** Is the peer where our chain is? Once it was, it is told of each further block as well. */
  #isCurrent(peer: TxPeer, { mono }: Now): boolean {
    if (peer.currentAt === undefined) {
      const least = this.#chain.tip.height - TX_MAX_LAG_BLOCKS
      const { version, id } = peer.peer
      const height = Math.max(version?.startHeight ?? 0, this.#hooks.heightOf(id) ?? 0)
      if (height >= this.#chain.tip.height) peer.currentAt = mono
      else if (peer.asked !== undefined && peer.asked.height >= least)
        peer.currentAt = peer.asked.at + TX_SETTLE_MS
      else if (height >= least) peer.currentAt = mono + TX_SETTLE_MS
    }
    return peer.currentAt !== undefined && peer.currentAt <= mono
  }
}
