/**
 * Moves the active chain to the best stored one: connects, disconnects, goes back if a block turns out bad, and
 * says when what there is may be committed. Runs as one job at a time.
 */

import { CHAIN_BLOCKS_PER_TURN, CHAIN_BYTES_PER_TURN, MAX_UNCOMMITTED_BYTES } from '../params/limits.ts'
import type { BlockBody } from './block-body.ts'
import type { Candidates } from './candidates.ts'
import type { CoinCache } from './coin-cache.ts'
import { connectBlock, disconnectBlock, keysToLoad, loadCoins } from './connect.ts'
import { DamagedStore } from './damage.ts'
import type { Fault } from './faults.ts'
import { type HeaderNode, NodeFlag } from './header-node.ts'
import type { Job } from './io.ts'
import type { ChainParts } from './parts.ts'
import { rest } from './requests.ts'
import { decodeUndo } from './undo.ts'

export interface ActivationParts extends ChainParts {
  readonly coins: CoinCache
  readonly candidates: Candidates
}

export interface ActivationHooks {
  isInitialDownload(): boolean
  /** Is there no time for more? */
  isStopping(): boolean
  /** No block above this height may be connected yet: its header is only believed to be what it is. */
  provenHeight(): number
  /** The tip is another one than was told before, and will not be worse in a moment. */
  tipChanged(): void
  /** A block breaks a rule; it and its descendants are out. */
  failed(node: HeaderNode, fault: Fault): void
  lost(node: HeaderNode): void
  connected(node: HeaderNode, body: BlockBody): Job<void>
  disconnected(node: HeaderNode, body: BlockBody): Job<void>
  /** It has more work, but too many blocks would have to be undone. */
  tooDeep(best: HeaderNode): void
}

/** Outputs asked for at once, ahead of the blocks that spend them. */
const MAX_KEYS_AHEAD = 5_000

export class Activation {
  readonly #parts: ActivationParts
  readonly #hooks: ActivationHooks
  /** Between two states that may be committed? */
  #unsettled = false
  /** Of the last tip that was meant to last. On the way back from a branch that turned out bad there is less. */
  #settledWork: bigint

  constructor(parts: ActivationParts, hooks: ActivationHooks) {
    this.#parts = parts
    this.#hooks = hooks
    this.#settledWork = parts.active.tip.work
  }

  /** Is the tip one that will last: not in the middle of a reorganisation? */
  get isSettled(): boolean {
    return !this.#unsettled
  }

  /** Is the state one that may be written down? */
  get mayCommit(): boolean {
    return this.isSettled && !this.#parts.coins.isMerging
  }

  /** Goes to the best block there is, or as far as memory for uncommitted changes allows (false). */
  *advance(): Job<boolean> {
    const { candidates, active, tree, params } = this.#parts
    for (;;) {
      const best = this.#proven(candidates.best(active.tip))
      if (best === undefined) break
      const fork = tree.fork(best, active.tip)
      const depth = active.tip.height - fork.height
      const isTooDeep = depth > params.maxReorgDepth && !this.#hooks.isInitialDownload()
      if (isTooDeep || this.#isDeletedAbove(fork)) {
        candidates.setAside(best)
        this.#hooks.tooDeep(best)
      } else if (!(yield* this.#switchTo(best, fork))) {
        return false
      }
    }
    this.#settle()
    return true
  }

  /** Has a block been deleted that would have to be undone to come back to this one? */
  #isDeletedAbove({ height }: HeaderNode): boolean {
    const { active } = this.#parts
    for (let at = active.tip.height; at > height; at--)
      if (active.at(at)?.has(NodeFlag.pruned) === true) return true
    return false
  }

  /** The highest block of a chain that may be connected, if it is better than the tip. */
  #proven(best: HeaderNode | undefined): HeaderNode | undefined {
    const height = this.#hooks.provenHeight()
    if (best === undefined || best.height <= height) return best
    const proven = best.ancestor(height)
    return proven !== undefined && proven.work > this.#parts.active.tip.work ? proven : undefined
  }

  /** Takes blocks off until this one is the tip; false if there is no time for that. It must be on the active chain. */
  *rewind(to: HeaderNode): Job<boolean> {
    const { active } = this.#parts
    while (active.tip !== to && !this.#hooks.isStopping()) {
      yield* this.#disconnectTip()
      yield* rest()
    }
    this.#settle()
    return active.tip === to
  }

  *#switchTo(best: HeaderNode, fork: HeaderNode): Job<boolean> {
    const { active, candidates, ledger } = this.#parts
    const before = active.tip
    this.#unsettled = fork !== before || before.work < this.#settledWork
    while (active.tip !== fork) yield* this.#disconnectTip()
    let bytes = 0
    let blocks = 0
    for (let height = fork.height + 1; height <= best.height; height++) {
      if (blocks === 0) yield* this.#lookAhead(best, height)
      const node = best.ancestor(height)
      if (node === undefined || !(yield* this.#connectTip(node))) {
        // What was left is better again, if only because it was there first.
        if (active.tip.work <= before.work) while (active.tip !== fork) yield* this.#disconnectTip()
        candidates.add(before, active.tip)
        return true
      }
      const isBetter = active.tip.work > before.work || fork === before
      if (isBetter && active.tip.work >= this.#settledWork) this.#unsettled = false
      bytes += node.position?.length ?? 0
      blocks++
      if (bytes < CHAIN_BYTES_PER_TURN && blocks < CHAIN_BLOCKS_PER_TURN) continue
      if (this.#hooks.isStopping()) return false
      if (!this.#unsettled) {
        this.#settle()
        if (ledger.bytes > MAX_UNCOMMITTED_BYTES) return false
      }
      yield* rest()
      bytes = 0
      blocks = 0
    }
    return true
  }

  /** Asks for what the next blocks spend in one question instead of one for each. */
  *#lookAhead(best: HeaderNode, from: number): Job<void> {
    const { blocks, coins, params } = this.#parts
    if (params.body === 'opaque' || from === best.height) return
    const keys: string[] = []
    for (let height = from; height < from + CHAIN_BLOCKS_PER_TURN && keys.length < MAX_KEYS_AHEAD; height++) {
      const node = best.ancestor(height)
      const body = node === undefined ? undefined : blocks.decoded(node)
      if (body !== undefined) for (const key of yield* keysToLoad(body)) keys.push(key)
    }
    yield* loadCoins(coins, keys)
  }

  #settle(): void {
    this.#unsettled = false
    this.#settledWork = this.#parts.active.tip.work
    this.#hooks.tipChanged()
  }

  /** False if the block can't be connected; it is dealt with then. */
  *#connectTip(node: HeaderNode): Job<boolean> {
    const { params, coins, blocks, ledger, active } = this.#parts
    const body = yield* blocks.load(node)
    if (body === undefined) {
      this.#hooks.lost(node)
      return false
    }
    const result = yield* connectBlock(params, coins, node, body)
    blocks.drop(node)
    if (!result.ok) {
      if (node.height <= params.trustedHeight)
        throw new DamagedStore(`block ${node.height}, which a checkpoint vouches for, can not be connected`)
      this.#hooks.failed(node, result.fault)
      return false
    }
    ledger.setUndo(node, result.undo)
    if (!node.has(NodeFlag.connectedOnce)) {
      node.set(NodeFlag.connectedOnce)
      ledger.changed(node)
    }
    active.push(node)
    yield* this.#hooks.connected(node, body)
    yield* coins.merge()
    return true
  }

  *#disconnectTip(): Job<void> {
    const { coins, blocks, ledger, active } = this.#parts
    const { tip } = active
    const body = yield* blocks.load(tip)
    const bytes = yield* ledger.undoOf(tip)
    const undo = bytes === undefined ? undefined : yield* decodeUndo(bytes)
    if (body === undefined || undo === undefined)
      throw new DamagedStore(`block ${tip.height} can not be undone: its data is missing or damaged`)
    yield* disconnectBlock(coins, body, undo)
    ledger.setUndo(tip, undefined)
    active.pop()
    yield* this.#hooks.disconnected(tip, body)
    yield* coins.merge()
  }
}
