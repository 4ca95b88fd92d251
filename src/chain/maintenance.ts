/** What an operator can do to the chain: call blocks bad or good again, have it verified, and have old blocks deleted. */

import { PRUNE_KEEP_BLOCKS } from '../params/limits.ts'
import type { Activation } from './activation.ts'
import { BlockFiles } from './block-files.ts'
import type { Coin } from './coin.ts'
import { CoinCache } from './coin-cache.ts'
import { connectBlock, disconnectBlock } from './connect.ts'
import { DamagedStore } from './damage.ts'
import { describeFault } from './faults.ts'
import { type HeaderNode, NodeFlag } from './header-node.ts'
import type { Job } from './io.ts'
import type { ChainParts } from './parts.ts'
import { deleteBlockFiles, rest } from './requests.ts'
import { decodeUndo } from './undo.ts'

export interface MaintenanceParts extends ChainParts {
  readonly activation: Activation
  readonly pruneBytes: number | undefined
  /** Is there no time for more? */
  isStopping(): boolean
  /** Writes down everything as it is. */
  commit(): Job<void>
  /** Calls a block bad, and so those on top of it. */
  fail(node: HeaderNode): void
  unfail(node: HeaderNode): void
  /** Which block leads is to be found anew. */
  reviewed(): void
}

/** Undefined if all is well; otherwise what is wrong, in one line. */
export type MaintenanceResult = string | undefined

/** What was begun and takes long is not done any more. */
export const NODE_STOPS = 'the node stops'
const GIVEN_UP = 'nobody waits for the answer any more'

/** Blocks whose coins are taken off and put on again at once, in memory. */
const MEMORY_FOR_CHECKS_BYTES = 256_000_000

export class Maintenance {
  readonly #parts: MaintenanceParts

  constructor(parts: MaintenanceParts) {
    this.#parts = parts
  }

  /** Height below which blocks have been deleted; 0 if none were. */
  get pruneHeight(): number {
    const { active } = this.#parts
    let height = 0
    // What is deleted lies below what is kept, give or take the order in which blocks came.
    for (let at = active.tip.height; at > 0; at--) {
      if (active.at(at)?.has(NodeFlag.pruned) !== true) continue
      height = at + 1
      break
    }
    return height
  }

  /** More bytes of blocks than this are not kept; undefined if all are. */
  get pruneBytes(): number | undefined {
    return this.#parts.pruneBytes
  }

  get isPruning(): boolean {
    return this.pruneBytes !== undefined
  }

  /** Calls back when the jobs that wait now are done. */
  afterwards(done: () => void): void {
    this.#parts.jobs.exclusive(function* () {
      yield* rest()
      done()
    })
  }

  /** Calls back with the tip when the store holds exactly its coins. What is asked of the store at once sees them. */
  flushed(done: (tip: HeaderNode) => void): void {
    const { jobs, active } = this.#parts
    const self = this
    jobs.exclusive(function* () {
      yield* self.#flush()
      done(active.tip)
    })
  }

  /** Calls back with what a block spends, in order; undefined if that is not kept, as of blocks off the active chain. */
  spentBy(node: HeaderNode, done: (spent: Coin[] | undefined) => void): void {
    const { jobs, ledger } = this.#parts
    jobs.run(
      (function* () {
        const bytes = yield* ledger.undoOf(node)
        return bytes === undefined ? undefined : yield* decodeUndo(bytes)
      })(),
      done,
    )
  }

  /** Treats a block as bad, and leaves it if it is on the active chain. */
  invalidate(node: HeaderNode, done: (result: MaintenanceResult) => void): void {
    const { tree, jobs } = this.#parts
    if (node === tree.genesis) return done('the first block can not be invalid')
    const self = this
    jobs.exclusive(function* () {
      done(yield* self.#invalidate(node))
    })
  }

  /** Takes that back, also for the blocks before and after it. */
  reconsider(node: HeaderNode, done: (result: MaintenanceResult) => void): void {
    const { jobs, unfail, reviewed } = this.#parts
    jobs.exclusive(function* () {
      yield* rest()
      unfail(node)
      reviewed()
      done(undefined)
    })
  }

  /**
   * Looks at the last `depth` blocks again. Level 0: can they be read? 1: do they obey the rules for themselves?
   * 2: is their undo data there? 3: can they be taken off? 4: and put on again?
   * Everything else waits meanwhile, so it ends when nobody wants to know any more (`isGivenUp`).
   */
  verify(
    level: number,
    depth: number,
    done: (result: MaintenanceResult) => void,
    isGivenUp: () => boolean = () => false,
  ): void {
    const self = this
    this.#parts.jobs.exclusive(function* () {
      let result: MaintenanceResult
      try {
        result = yield* self.#verify(level, depth, isGivenUp)
      } catch (error) {
        if (!(error instanceof DamagedStore)) throw error
        result = error.message
      }
      done(result)
    })
  }

  /** Deletes old blocks if there is more than there should be. */
  prune(): void {
    const { pruneBytes, active, blocks, jobs } = this.#parts
    if (pruneBytes === undefined) return
    const below = active.tip.height - PRUNE_KEEP_BLOCKS
    const files = blocks.files.prunable(below, pruneBytes)
    if (files.length === 0) return
    const self = this
    jobs.exclusive(function* () {
      yield* self.#prune(files)
    })
  }

  /** Afterwards the store holds the coins of the tip, and no others are on their way. Only in an exclusive job. */
  *#flush(): Job<void> {
    const { active, ledger, commit } = this.#parts
    yield* ledger.landed()
    while (!ledger.hasCoinsOf(active.tip)) {
      yield* commit()
      yield* ledger.landed()
    }
  }

  *#invalidate(node: HeaderNode): Job<MaintenanceResult> {
    const { active, activation, fail, reviewed } = this.#parts
    const { parent } = node
    if (active.has(node) && parent !== undefined) {
      for (let height = node.height; height <= active.tip.height; height++)
        if (active.at(height)?.has(NodeFlag.pruned) === true) return 'blocks to be undone have been pruned'
      if (!(yield* activation.rewind(parent))) return NODE_STOPS
    }
    fail(node)
    reviewed()
    return undefined
  }

  *#prune(files: readonly number[]): Job<void> {
    const { tree, blocks, ledger, commit } = this.#parts
    if (ledger.isCommitting) return
    const chosen = new Set(files)
    for (const node of tree.all()) {
      if (!BlockFiles.isIn(node, chosen)) continue
      node.position = undefined
      node.set(NodeFlag.pruned)
      ledger.changed(node)
      ledger.setUndo(node, undefined)
    }
    blocks.files.forget(files)
    // First the index, then the files: a crash in between leaves files that nothing points to.
    yield* commit()
    yield* deleteBlockFiles(files)
  }

  *#verify(level: number, depth: number, isGivenUp: () => boolean): Job<MaintenanceResult> {
    const { params, active, isStopping } = this.#parts
    const ended = (): MaintenanceResult => (isStopping() ? NODE_STOPS : isGivenUp() ? GIVEN_UP : undefined)
    yield* this.#flush()
    // Coins of its own, read from the store and never written.
    const coins = new CoinCache(MEMORY_FOR_CHECKS_BYTES)
    const lowest = Math.max(1, active.tip.height - depth + 1)
    let reached = active.tip.height
    for (let height = reached; height >= lowest; height--) {
      const node = active.at(height)
      if (node === undefined || node.has(NodeFlag.pruned)) break
      if (ended() !== undefined) return ended()
      const wrong = yield* this.#verifyBlock(node, level, coins)
      if (wrong !== undefined) return `block ${height}: ${wrong}`
      reached = height
      if (coins.bytes > MEMORY_FOR_CHECKS_BYTES) break
      yield* rest()
    }
    if (level < 4) return undefined
    for (let height = Math.max(reached, lowest); height <= active.tip.height; height++) {
      if (ended() !== undefined) return ended()
      const node = active.at(height)
      const body = node === undefined ? undefined : yield* this.#parts.blocks.load(node)
      if (node === undefined || body === undefined) return `block ${height}: it can not be read`
      const result = yield* connectBlock(params, coins, node, body)
      if (!result.ok) return `block ${height}: ${describeFault(result.fault)}`
      yield* coins.merge()
      yield* rest()
    }
    return undefined
  }

  *#verifyBlock(node: HeaderNode, level: number, coins: CoinCache): Job<MaintenanceResult> {
    const { blocks, ledger } = this.#parts
    const body = yield* blocks.load(node)
    if (body === undefined) return 'it can not be read'
    if (level < 2) return undefined
    const bytes = yield* ledger.undoOf(node)
    const undo = bytes === undefined ? undefined : yield* decodeUndo(bytes)
    if (undo === undefined) return 'its undo data is missing or damaged'
    if (level < 3) return undefined
    yield* disconnectBlock(coins, body, undo)
    yield* coins.merge()
    return undefined
  }
}
