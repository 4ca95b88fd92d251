/**
 * The chain of one node: takes headers and blocks from anybody, keeps what fits, follows the most work, and has it
 * written down. Pure: what needs a disk or takes long is asked for through `ask` and goes on when answered.
 * Bounded by the headers that showed work, the coin cache's budget, and limits on what waits (limits.ts).
 */

import type { ChainParams } from '../params/chain-params.ts'
import { COIN_CACHE_MB, COMMIT_INTERVAL_MS, RECENT_TIP_SECONDS } from '../params/limits.ts'
import { type MonoMs, monoMs, type Now, type PeerId } from '../primitives/brand.ts'
import type { Block } from '../wire/block.ts'
import type { HeaderList } from '../wire/header.ts'
import { Activation } from './activation.ts'
import { ActiveChain } from './active-chain.ts'
import { BlockIntake } from './block-intake.ts'
import { BlockStore } from './block-store.ts'
import type { Chain, ChainHooks, MempoolChain } from './chain.ts'
import { CoinCache } from './coin-cache.ts'
import { loadCoins } from './connect.ts'
import type { Fault } from './faults.ts'
import { ForkWatch } from './fork-watch.ts'
import { HeaderIntake } from './header-intake.ts'
import type { HeaderNode } from './header-node.ts'
import { HeaderQueue } from './header-queue.ts'
import type { HeaderTree } from './header-tree.ts'
import { HeaderTrust } from './header-trust.ts'
import type { Job, StoredBlock } from './io.ts'
import { JobRunner } from './job-runner.ts'
import { Ledger } from './ledger.ts'
import { locatorOf } from './locator.ts'
import { Maintenance } from './maintenance.ts'
import type { Source } from './outcomes.ts'
import type { ChainParts } from './parts.ts'
import { newTree, restoreTree, type SavedChain } from './restore.ts'
import { pathTo, Standing } from './standing.ts'
import { readStored, type TakeStored } from './stored-blocks.ts'
import { TxIndex, tellOfBlocks } from './tx-index.ts'

export interface ChainOptions {
  readonly params: ChainParams
  /** What was committed last; undefined for a new chain. */
  readonly saved?: SavedChain | undefined
  readonly coinCacheBytes?: number
  /** Delete the oldest blocks beyond so many bytes of files. Undefined: keep all. */
  readonly pruneBytes?: number | undefined
  /** Keep an index of transactions by their ids. */
  readonly txIndex?: boolean | undefined
}

/** So few blocks behind is no catching up. */
const NEAR_BLOCKS = 6
const NEVER = monoMs(Number.POSITIVE_INFINITY)

/** The chain of one node: the tree of headers, the active chain, and what joins blocks to it. */
export class ChainEngine implements Chain {
  readonly params: ChainParams
  readonly tree: HeaderTree
  readonly coins: CoinCache
  readonly maintenance: Maintenance
  readonly forks: ForkWatch
  /** Undefined if none is kept. */
  readonly txIndex?: TxIndex
  readonly #hooks: ChainHooks
  readonly #jobs: JobRunner
  readonly #active: ActiveChain
  readonly #blocks: BlockStore
  readonly #ledger: Ledger
  readonly #standing: Standing
  readonly #headers: HeaderIntake
  readonly #headerQueue: HeaderQueue
  readonly #trust: HeaderTrust
  readonly #intake: BlockIntake
  readonly #activation: Activation
  #announced: HeaderNode
  #initialDownload = true
  /** Who brought a block, until it is connected. */
  readonly #sources = new Map<HeaderNode, Source>()
  #commitAt: MonoMs = NEVER
  #lastCommitAt: MonoMs = monoMs(Number.NEGATIVE_INFINITY)
  #advancing = false
  #stopping = false

  /** Throws DamagedStore if what was saved contradicts itself. */
  constructor(options: ChainOptions, hooks: ChainHooks) {
    const { params, saved } = options
    this.params = params
    this.#hooks = hooks
    this.#jobs = new JobRunner(hooks.ask, (error) => hooks.outcome({ type: 'storageFailed', error }))
    this.tree = newTree(params)
    this.#blocks = new BlockStore(params)
    const tip = saved === undefined ? this.tree.genesis : restoreTree(this.tree, this.#blocks.files, saved)
    this.#active = new ActiveChain(tip)
    this.#announced = tip
    this.coins = new CoinCache(options.coinCacheBytes ?? COIN_CACHE_MB * 1_000_000)
    if (options.txIndex === true)
      this.txIndex = new TxIndex(this.tree, this.#active, this.#blocks, saved?.txIndex)
    this.#ledger = new Ledger(this.coins, tip, this.txIndex)
    this.forks = new ForkWatch(this.tree, () => this.tip, hooks)
    this.#standing = new Standing({
      tree: this.tree,
      blocks: this.#blocks,
      ledger: this.#ledger,
      tip: () => this.tip,
      mayLead: (node) => this.#mayLead(node),
      forks: this.forks,
    })
    this.#headers = new HeaderIntake(params, this.tree, {
      unix: () => hooks.now().unix,
      tip: () => this.tip,
      isInitialDownload: () => this.isInitialDownload,
      added: (node) => this.#standing.added(node),
      provenHeight: () => this.#trust.height,
    })
    this.#headerQueue = new HeaderQueue(this.#headers, this.#jobs, (outcome) => {
      this.#scheduleCommit()
      this.#trust.audit()
      hooks.outcome(outcome)
    })
    const parts: ChainParts = {
      params,
      tree: this.tree,
      active: this.#active,
      blocks: this.#blocks,
      ledger: this.#ledger,
      jobs: this.#jobs,
    }
    this.#trust = this.#trustOf(parts)
    this.#intake = new BlockIntake(this.tree, this.#headers, this.#blocks, {
      stored: (node) => this.#blockStored(node),
      broken: (node) => this.#markFailed(node),
    })
    this.#activation = this.#activationOf(parts)
    this.maintenance = this.#maintenanceOf(parts, options.pruneBytes)
    this.#review()
    this.#trust.audit()
    if (this.txIndex !== undefined) this.#jobs.run(this.txIndex.build(), () => undefined)
  }

  #trustOf(parts: ChainParts): HeaderTrust {
    return new HeaderTrust({
      ...parts,
      bestHeader: () => this.bestHeader,
      isStopping: () => this.#stopping,
      distrust: () => this.#headers.distrust(),
      reviewed: () => this.#review(),
      confirmed: () => {
        this.#scheduleCommit()
        this.#advance()
      },
      hooks: this.#hooks,
    })
  }

  #activationOf(parts: ChainParts): Activation {
    return new Activation(
      { ...parts, coins: this.coins, candidates: this.#standing.candidates },
      {
        isInitialDownload: () => this.isInitialDownload,
        isStopping: () => this.#stopping,
        provenHeight: () => this.#trust.height,
        tipChanged: () => this.#tipChanged(),
        failed: (node, fault) => this.#blockFailed(node, fault),
        lost: (node) => this.#blockLost(node),
        ...tellOfBlocks(this.txIndex, this.#hooks),
        tooDeep: (best) => this.forks.tooDeep(best),
      },
    )
  }

  #maintenanceOf(parts: ChainParts, pruneBytes: number | undefined): Maintenance {
    return new Maintenance({
      ...parts,
      activation: this.#activation,
      pruneBytes,
      isStopping: () => this.#stopping,
      commit: () => this.#commitJob(),
      unfail: (node) => this.#standing.unfail(node),
      fail: (node) => this.#standing.fail(node),
      reviewed: () => this.#review(),
    })
  }

  get forMempool(): MempoolChain | undefined {
    return this.params.body === 'opaque' ? undefined : this
  }

  get tip(): HeaderNode {
    return this.#active.tip
  }

  get bestHeader(): HeaderNode {
    return this.#standing.bestHeader
  }

  get isInitialDownload(): boolean {
    if (!this.#initialDownload) return false
    const isRecent = this.tip.time > this.#hooks.now().unix - RECENT_TIP_SECONDS
    if (isRecent && this.tip.work >= this.params.minimumWork) this.#initialDownload = false
    return this.#initialDownload
  }

  get isSettled(): boolean {
    return this.#activation.mayCommit
  }

  /** Has the disk failed? Nothing changes any more then. */
  get isStopped(): boolean {
    return this.#jobs.stopped
  }

  get pendingBytes(): number {
    return this.#blocks.pendingBytes
  }

  /** Bytes of all files of blocks. */
  get blockFileBytes(): number {
    return this.#blocks.files.bytes
  }

  /** Headers that wait to show their worth. */
  get stagedHeaders(): number {
    return this.#headers.stagedCount
  }

  caughtUp(): void {
    if (this.tip.work >= this.params.minimumWork) this.#initialDownload = false
  }

  activeAt(height: number): HeaderNode | undefined {
    return this.#active.at(height)
  }

  isActive(node: HeaderNode): boolean {
    return this.#active.has(node)
  }

  locator(from: HeaderNode): Uint8Array[] {
    return locatorOf(from)
  }

  headersAfter(locator: readonly Uint8Array[], stop: Uint8Array): HeaderList {
    return this.#active.headersAfter(this.tree, locator, stop)
  }

  submitHeaders(source: Source, headers: HeaderList): void {
    this.#headerQueue.submit(source, headers)
  }

  submitBlock(source: Source, block: Block, received?: StoredBlock): void {
    if (this.isStopped || this.#stopping || (this.#blocks.isFull && source !== 'local')) {
      const node = this.tree.find(block.header.bytes)
      const found = { fault: undefined, node, hash: node?.hash }
      return this.#hooks.outcome({ type: 'block', source, verdict: 'busy', ...found })
    }
    this.#jobs.run(this.#intake.accept(source, block, received), (outcome) => {
      if (outcome.verdict === 'stored' && outcome.node !== undefined) this.#sources.set(outcome.node, source)
      this.#hooks.outcome(outcome)
      this.#advance()
    })
  }

  read(nodes: readonly HeaderNode[], done: TakeStored, verify = false): void {
    readStored(this.isStopped ? undefined : this.#hooks.ask, this.params, nodes, verify, done)
  }

  forget(source: PeerId): void {
    this.#headers.forget(source)
    this.#headerQueue.forget(source)
  }

  /** Runs a job of somebody who lives by the chain, such as the mempool, beside others; it is dropped when the node stops. */
  run<T>(job: Job<T>, done: (value: T) => void): void {
    this.#jobs.run(job, done)
  }

  /** Makes these outputs known to {@link coins}, where they are looked at until the job asks for something else. */
  loadCoins(keys: readonly string[]): Job<void> {
    return loadCoins(this.coins, keys, true)
  }

  /** Calls back when everything that is stored by now has been connected, or found bad. */
  settled(done: () => void): void {
    this.#advance()
    this.maintenance.afterwards(done)
  }

  /** When {@link due} has something to do; infinite if nothing waits. */
  get nextDeadline(): MonoMs {
    return this.#commitAt
  }

  due(now: Now): void {
    if (now.mono >= this.#commitAt) this.#commit()
  }

  stop(): void {
    if (this.isStopped || this.#stopping) return
    this.#stopping = true
    this.#jobs.exclusive(() => this.#writeLast())
  }

  /** Not if following it would undo too many blocks. */
  #mayLead(node: HeaderNode): boolean {
    if (this.isInitialDownload) return true
    const fork = this.tree.fork(node, this.tip)
    return this.tip.height - fork.height <= this.params.maxReorgDepth
  }

  #blockStored(node: HeaderNode): void {
    // What is not to be connected now is read again when it is.
    if (node.work <= this.tip.work) this.#blocks.drop(node)
    this.#standing.stored(node)
    this.#scheduleCommit()
  }

  #advance(): void {
    if (
      this.#advancing ||
      this.isStopped ||
      this.#stopping ||
      this.#standing.candidates.best(this.tip) === undefined
    )
      return
    this.#advancing = true
    const self = this
    this.#jobs.exclusive(function* () {
      yield* self.#activation.advance()
      self.#advancing = false
      self.#scheduleCommit()
    })
  }

  #tipChanged(): void {
    const previous = this.#announced
    const { tip } = this
    if (tip === previous) return
    this.#announced = tip
    const fork = this.tree.fork(previous, tip)
    const disconnected = pathTo(previous, fork)
    const connected = pathTo(tip, fork).reverse()
    for (const node of connected) this.#sources.delete(node)
    this.#scheduleCommit()
    const catchingUp = this.isInitialDownload || this.bestHeader.height > tip.height + NEAR_BLOCKS
    this.#hooks.outcome({ type: 'tip', tip, previous, disconnected, connected, catchingUp })
  }

  #blockFailed(node: HeaderNode, fault: Fault): void {
    const source = this.#sources.get(node)
    this.#markFailed(node)
    this.#hooks.outcome({ type: 'blockFailed', node, fault, source })
  }

  #markFailed(node: HeaderNode): void {
    this.#standing.fail(node)
    for (const other of this.#sources.keys()) if (other.isFailed) this.#sources.delete(other)
    this.#review()
  }

  #blockLost(node: HeaderNode): void {
    this.#standing.lost(node)
    this.#hooks.outcome({ type: 'blockLost', node })
  }

  #review(): void {
    this.#standing.review()
    this.#advance()
  }

  #scheduleCommit(): void {
    if (this.isStopped || !this.#ledger.isDirty(this.tip)) return
    const { mono } = this.#hooks.now()
    const at = monoMs(Math.max(mono, this.#lastCommitAt + COMMIT_INTERVAL_MS))
    this.#commitAt = monoMs(Math.min(this.#commitAt, at))
    if (mono >= this.#commitAt) this.#commit()
  }

  #commit(): void {
    this.#commitAt = NEVER
    // It is looked at again when a commit or a reorganisation that is under way is done.
    if (this.#ledger.isCommitting || !this.#activation.mayCommit || this.isStopped) return
    if (!this.#ledger.isDirty(this.tip)) return
    this.#jobs.run(this.#commitJob(), () => {
      this.maintenance.prune()
      this.#advance()
    })
  }

  *#commitJob(): Job<void> {
    this.#lastCommitAt = this.#hooks.now().mono
    yield* this.#ledger.commit(this.tip)
    if (!this.#stopping) this.#scheduleCommit()
  }

  /** The last commit, alone. */
  *#writeLast(): Job<void> {
    yield* this.#ledger.landed()
    if (this.#activation.mayCommit && this.#ledger.isDirty(this.tip)) yield* this.#ledger.commit(this.tip)
    this.#jobs.stop()
  }
}
