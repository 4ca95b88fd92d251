/**
 * The place of transactions beside the chain in the core: the mempool and their relay, told of the chain, of peers and
 * of time. What the pool tells is kept until the input at hand has been taken, as with the chain.
 */
import type { BlockBody } from '../chain/block-body.ts'
import type { Chain, MempoolChain } from '../chain/chain.ts'
import type { Job } from '../chain/io.ts'
import type { ChainOutcome } from '../chain/outcomes.ts'
import { Mempool, type MempoolOutcome } from '../mempool/mempool.ts'
import type { BrokenRule, Offence } from '../peer/offences.ts'
import type { Peer } from '../peer/peer.ts'
import type { Now, PeerId } from '../primitives/brand.ts'
import type { RandomSource } from '../primitives/random.ts'
import type { Sayer } from '../relay/hooks.ts'
import { TxRelay } from '../relay/tx-relay.ts'
import type { NodeEvent } from './seam.ts'

export interface TransactionRoomHooks {
  readonly sayer: Sayer
  now(): Now
  heightOf(peer: PeerId): number | undefined
  forkHeightOf(peer: PeerId): number | undefined
  offend(peer: Peer, offence: Offence, detail: BrokenRule): void
  event(event: NodeEvent): void
}

export class TransactionRoom {
  readonly mempool: Mempool
  readonly relay: TxRelay
  readonly #hooks: TransactionRoomHooks
  #outcomes: MempoolOutcome[] = []

  constructor(
    chain: Chain,
    forMempool: MempoolChain,
    random: RandomSource,
    budgetBytes: number | undefined,
    hooks: TransactionRoomHooks,
  ) {
    this.#hooks = hooks
    const poolHooks = {
      now: () => hooks.now(),
      outcome: (outcome: MempoolOutcome) => this.#outcomes.push(outcome),
    }
    this.mempool = new Mempool(forMempool, poolHooks, budgetBytes)
    this.relay = new TxRelay(chain, this.mempool, random, hooks)
  }

  /** Does somebody wait for what the pool has told? */
  get hasNews(): boolean {
    return this.#outcomes.length > 0
  }

  get nextDeadline(): number {
    if (this.hasNews) return Number.NEGATIVE_INFINITY
    return Math.min(this.mempool.nextDeadline, this.relay.nextDeadline)
  }

  keyedIds(): Iterable<PeerId> {
    return this.relay.keyedIds()
  }

  ready(peer: Peer, now: Now): void {
    this.relay.ready(peer, now)
  }

  forget(id: PeerId): void {
    this.mempool.forget(id)
    this.relay.forget(id)
  }

  blockConnected(node: { readonly height: number }, body: BlockBody): Job<void> {
    return this.mempool.blockConnected(node, body)
  }

  blockDisconnected(node: { readonly height: number }, body: BlockBody): Job<void> {
    return this.mempool.blockDisconnected(node, body)
  }

  outcome(outcome: ChainOutcome, now: Now): void {
    if (outcome.type === 'tip') this.mempool.tipChanged()
    this.relay.chainOutcome(outcome, now)
  }

  due(now: Now): void {
    const outcomes = this.#outcomes
    this.#outcomes = []
    for (const outcome of outcomes) {
      this.relay.poolOutcome(outcome, now)
      this.#hooks.event({ type: 'mempool', outcome })
    }
    this.mempool.due(now)
    this.relay.due(now)
  }
}
