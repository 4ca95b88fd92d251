/**
 * The chain of a running node as RPC, miners and embedding programs use it: questions that may take a while are
 * promises. Changes go to the core as inputs; nothing here changes the chain by itself.
 */
import { MAX_BLOCK_TRANSACTIONS } from '../chain/block-body.ts'
import { COIN_PREFIX, type Coin, coinKey } from '../chain/coin.ts'
import { targetBytes } from '../chain/compact-bits.ts'
import type { ChainEngine } from '../chain/engine.ts'
import { describeFault } from '../chain/faults.ts'
import type { HeaderNode } from '../chain/header-node.ts'
import { futureLimit } from '../chain/header-rules.ts'
import type { StoredBlock } from '../chain/io.ts'
import type { MaintenanceResult } from '../chain/maintenance.ts'
import type { BlockOutcome, ChainOutcome, DeepForkOutcome } from '../chain/outcomes.ts'
import { checkProposal, type ProposalVerdict } from '../chain/proposal.ts'
import type { TxPlace } from '../chain/tx-index.ts'
import type { AdmissionResult } from '../mempool/admission.ts'
import type { DumpedTransaction } from '../mempool/dump.ts'
import type { KnownTransaction } from '../mempool/entry.ts'
import type { Mempool, TransactionOutcome } from '../mempool/mempool.ts'
import {
  type BlockTemplate,
  blockTemplate,
  roomForTransactions,
  type TemplateRequest,
  withNonce,
} from '../mining/template.ts'
import type { ChainParams } from '../params/chain-params.ts'
import { LOCK_TIME_MARGIN_SECONDS } from '../params/limits.ts'
import type { UnixSeconds } from '../primitives/brand.ts'
import { UserError } from '../primitives/errors.ts'
import type { StoredPair } from '../storage/chain-store.ts'
import type { Block } from '../wire/block.ts'
import type { BlockHeader } from '../wire/header.ts'
import type { ChainBackend } from './chain-backend.ts'
import { batchesOf } from './coin-statistics.ts'
import type { MempoolFile } from './mempool-file.ts'
import { fairMiningRefusal } from './miner-obstacles.ts'
import { MAX_WAIT_MS, TipWaits } from './tip-waits.ts'

export interface ChainControlHooks {
  /** Gives the engine to a function, as an input of the core; the mempool may be used there as well. */
  withChain(use: (chain: ChainEngine) => void): void
  mempool(): Mempool | undefined
  unixTime(): UnixSeconds
}

/**
 * What came of a block that was handed in. `accepted`: it is the tip, or part of the active chain. `inconclusive`: it
 * is stored, but another chain has more work.
 */
export type SubmitResult =
  | { readonly result: 'accepted' | 'inconclusive' | 'duplicate'; readonly node: HeaderNode }
  | { readonly result: 'rejected'; readonly code: string; readonly text: string }

export type TemplateWishes = Omit<TemplateRequest, 'params' | 'parent' | 'time'> & { readonly time?: number }

const MAX_NONCE = 0xffff_ffff

export class ChainControl {
  /** Where the mempool is kept; undefined if nowhere. */
  mempoolFile: Pick<MempoolFile, 'path' | 'isLoaded' | 'save'> | undefined
  readonly #backend: ChainBackend
  readonly #hooks: ChainControlHooks
  readonly #tipWaits = new TipWaits(() => this.engine.tip)
  /** What is to be told to those who wait for an answer when none will come. */
  readonly #asked = new Set<(error: Error) => void>()
  #ended: UserError | undefined
  #deepFork: DeepForkOutcome | undefined
  #onLocal: ((outcome: BlockOutcome) => void) | undefined
  #onFailed: ((node: HeaderNode, code: string, text: string) => void) | undefined
  /** One block is handed in at a time, so that answers can be told apart. */
  #lastSubmit: Promise<unknown> = Promise.resolve()
  /** One walk through all coins at a time. */
  #lastWalk: Promise<unknown> = Promise.resolve()

  constructor(backend: ChainBackend, hooks: ChainControlHooks) {
    this.#backend = backend
    this.#hooks = hooks
  }

  /** To be looked at only. */
  get engine(): ChainEngine {
    const { engine } = this.#backend
    if (engine === undefined) throw new Error('the node has not been made yet')
    return engine
  }

  /** Transactions that wait to be mined, to be looked at only. Undefined where they mean nothing to the chain. */
  get mempool(): Mempool | undefined {
    return this.#hooks.mempool()
  }

  /** A chain with more work than ours that is not followed, because it leaves ours so far back. */
  get deepFork(): DeepForkOutcome | undefined {
    const best = this.#deepFork?.best
    const isOver = best === undefined || best.isFailed || best.work <= this.engine.tip.work
    return isOver ? undefined : this.#deepFork
  }

  get backend(): ChainBackend {
    return this.#backend
  }

  /** The node's time, in Unix seconds. */
  unixTime(): UnixSeconds {
    return this.#hooks.unixTime()
  }

  /** To be told what the chain tells. */
  note(outcome: ChainOutcome): void {
    if (outcome.type === 'block' && outcome.source === 'local') this.#onLocal?.(outcome)
    if (outcome.type === 'blockFailed')
      this.#onFailed?.(outcome.node, outcome.fault.code, describeFault(outcome.fault))
    if (outcome.type === 'tip') this.#tipWaits.look(outcome.tip)
    if (outcome.type === 'deepFork') this.#deepFork = outcome
    if (outcome.type === 'storageFailed') this.end(`the chain stands still: ${outcome.error}`)
  }

  /** No answers come any more: who waits for one, or asks from now on, is told why by a UserError. */
  end(why: string): void {
    this.#ended ??= new UserError(why)
    for (const reject of this.#asked) reject(this.#ended)
    this.#asked.clear()
    this.#tipWaits.end()
  }

  /** The block as it is served: the payload of a `block` message. Undefined if it is not stored, or damaged. */
  readBlock(node: HeaderNode): Promise<StoredBlock | undefined> {
    return this.#ask((chain, done) => chain.read([node], ([block]) => done(block), true))
  }

  /** An unspent output as this tip sees it; undefined if there is none. */
  coin(txid: Uint8Array, index: number): Promise<{ coin: Coin | undefined; tip: HeaderNode }> {
    const key = coinKey(txid, index)
    return this.#ask((chain, done) =>
      chain.run(
        (function* () {
          yield* chain.loadCoins([key])
          return { coin: chain.coins.get(key), tip: chain.tip }
        })(),
        done,
      ),
    )
  }

  /** The block of the active chain that made the first of these outputs that is not spent; undefined if all are, or unknown. */
  blockOfCoins(keys: readonly string[]): Promise<HeaderNode | undefined> {
    return this.#ask((chain, done) =>
      chain.run(
        (function* () {
          yield* chain.loadCoins(keys)
          const coin = keys.map((key) => chain.coins.get(key)).find((found) => found !== undefined)
          return coin === undefined ? undefined : chain.activeAt(coin.height)
        })(),
        done,
      ),
    )
  }

  /** What a block spends, in order; undefined if that is not kept, as of blocks off the active chain. */
  spentBy(node: HeaderNode): Promise<Coin[] | undefined> {
    return this.#ask((chain, done) => chain.maintenance.spentBy(node, done))
  }

  /**
   * Walks through all unspent outputs of the tip of that moment, by ascending keys; while it waits for the disk everything
   * else goes on.
   */
  walkCoins<T>(
    read: (batches: AsyncIterable<readonly StoredPair[]>) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<{ tip: HeaderNode; result: T }> {
    const next = this.#lastWalk.then(() => this.#walkCoins(read, signal))
    this.#lastWalk = next.catch(() => undefined)
    return next
  }

  /** Where a transaction of the active chain stands, by the index of transactions; undefined if it is not there. */
  findTransaction(txid: Uint8Array): Promise<TxPlace | undefined> {
    return this.#ask((chain, done) => {
      if (chain.txIndex === undefined) done(undefined)
      else chain.run(chain.txIndex.find(txid), done)
    })
  }

  /** Resolves when what is stored by now has been connected, or found bad. */
  whenConnected(): Promise<void> {
    return this.#ask((chain, done) => chain.settled(() => done(undefined)))
  }

  get tipHeight(): number {
    return this.engine.tip.height
  }

  /**
   * Resolves when the chain has come to a height, with all that is stored by then connected, or there is nothing to catch
   * up with; or when the signal says so. Rejects when neither will be.
   */
  async whenAt(height: number, signal: AbortSignal): Promise<void> {
    const isThere = (): boolean => this.tipHeight >= height || !this.engine.isInitialDownload
    await this.whenConnected()
    while (!isThere() && !signal.aborted) {
      await this.waitForTip(isThere, MAX_WAIT_MS, signal)
      await this.whenConnected()
    }
  }

  /** Hands a block in, as if a peer had brought it. */
  submitBlock(block: Block): Promise<SubmitResult> {
    const next = this.#lastSubmit.then(() => this.#submit(block))
    this.#lastSubmit = next.catch(() => undefined)
    return next
  }

  /** What would come of a block if its work were done; undefined: it would be accepted. */
  propose(block: Block): Promise<ProposalVerdict> {
    return this.#ask((chain, done) => chain.run(checkProposal(chain, block, this.#hooks.unixTime()), done))
  }

  /** Hands a transaction in: if it is accepted, it is told to peers until it is mined. Rejects without a mempool. */
  submitTransaction(known: KnownTransaction): Promise<TransactionOutcome> {
    return this.#askPool((pool, done) => pool.submit('local', known, done))
  }

  /** Hands one in that was here before. Rejects without a mempool. */
  restoreTransaction(dumped: DumpedTransaction): Promise<TransactionOutcome> {
    return this.#askPool((pool, done) => pool.restore(dumped, done))
  }

  /** What would come of it, without taking it in. Rejects without a mempool. */
  testTransaction(known: KnownTransaction): Promise<AdmissionResult> {
    return this.#askPool((pool, done) => pool.test(known, done))
  }

  /** Undefined if all went well, else why not. */
  invalidate(node: HeaderNode): Promise<MaintenanceResult> {
    return this.#ask((chain, done) => chain.maintenance.invalidate(node, done))
  }

  reconsider(node: HeaderNode): Promise<MaintenanceResult> {
    return this.#ask((chain, done) => chain.maintenance.reconsider(node, done))
  }

  /** Undefined if all is well, else what is wrong. The signal ends it. */
  verify(level: number, depth: number, signal?: AbortSignal): Promise<MaintenanceResult> {
    const isGivenUp = (): boolean => signal?.aborted === true
    return this.#ask((chain, done) => chain.maintenance.verify(level, depth, done, isGivenUp))
  }

  /** Resolves with the tip when it fits, at the latest after so long. The signal ends the wait as well. */
  waitForTip(
    fits: (tip: HeaderNode) => boolean,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<HeaderNode> {
    return this.#tipWaits.wait(fits, this.#ended === undefined ? timeoutMs : 0, signal)
  }

  /** A block to work on, behind the tip; with those that pay most of the mempool, unless others are named. */
  template(wishes: TemplateWishes): BlockTemplate {
    const { tip: parent, params } = this.engine
    const time = wishes.time ?? this.#hooks.unixTime()
    return blockTemplate({ ...this.#selection(params, wishes, time), params, parent, ...wishes, time })
  }

  /** Seconds until nobody takes the block's time for too late; 0 or less if nobody does now. */
  secondsTooEarly({ block, height }: BlockTemplate): number {
    return block.header.time - this.#hooks.unixTime() - futureLimit(this.engine.params, height)
  }

  /**
   * Mines so many blocks that pay to a script, one after the other. Stops early if the signal says so. Their times lead
   * up to now, a second apart, so that many can be mined at once before the chain is ahead of the clock. Throws
   * UserError when it is.
   */
  async generate(count: number, script: Uint8Array, signal?: AbortSignal): Promise<Uint8Array[]> {
    const refusal = fairMiningRefusal(this.engine.params)
    if (refusal !== undefined) throw new UserError(refusal)
    const hashes: Uint8Array[] = []
    while (hashes.length < count && signal?.aborted !== true) {
      const now = this.#hooks.unixTime()
      const template = this.template({ script, time: now - (count - hashes.length - 1) })
      const { block } = template
      if (this.secondsTooEarly(template) > 0)
        throw new UserError(
          `${hashes.length} blocks mined; then the time of the next one would be too far ahead of the clock. Wait, or set the clock on with setmocktime`,
        )
      const header = await this.#work(block.header, signal)
      // All nonces of this second are used up, or somebody else was faster.
      if (header === undefined) continue
      const result = await this.submitBlock({ ...block, header })
      if (result.result === 'rejected') throw new UserError(`our own block is refused: ${result.text}`)
      if (result.result === 'accepted') hashes.push(result.node.hash)
    }
    return hashes
  }

  /** The header with a nonce that makes it good, and a block that is not known: one may have been called bad just now. */
  async #work(header: BlockHeader, signal: AbortSignal | undefined): Promise<BlockHeader | undefined> {
    const target = targetBytes(header.bits)
    for (let startNonce = 0; startNonce < MAX_NONCE; ) {
      const range = { header: header.bytes, startNonce, count: MAX_NONCE - startNonce, target }
      const nonce = await this.#backend.hasher.scan(range, { signal })
      if (nonce === undefined) return undefined
      const found = withNonce(header, nonce)
      if (this.engine.tree.find(found.bytes) === undefined) return found
      startNonce = nonce + 1
    }
    return undefined
  }

  #selection(
    params: ChainParams,
    wishes: TemplateWishes,
    time: number,
  ): Pick<TemplateRequest, 'transactions' | 'fees'> {
    const height = this.engine.tip.height + 1
    const selection = this.mempool?.selectForBlock({
      maxBytes: roomForTransactions({ ...wishes, params }, height),
      maxTransactions: MAX_BLOCK_TRANSACTIONS - 1,
      height,
      time: time - LOCK_TIME_MARGIN_SECONDS,
    })
    if (selection === undefined) return {}
    return { transactions: selection.entries, fees: selection.fees }
  }

  async #submit(block: Block): Promise<SubmitResult> {
    let failed: { node: HeaderNode; code: string; text: string } | undefined
    this.#onFailed = (node, code, text) => {
      failed ??= { node, code, text }
    }
    try {
      const outcome = await this.#ask<BlockOutcome>((chain, done) => {
        this.#onLocal = done
        chain.submitBlock('local', block)
      })
      const { verdict, node, fault } = outcome
      if (node === undefined || (verdict !== 'stored' && verdict !== 'duplicate'))
        return {
          result: 'rejected',
          code: fault?.code ?? verdict,
          text: fault === undefined ? verdict : describeFault(fault),
        }
      if (verdict === 'duplicate') return { result: 'duplicate', node }
      await this.whenConnected()
      if (node.isFailed)
        return { result: 'rejected', code: failed?.code ?? 'invalid', text: failed?.text ?? 'invalid' }
      return { result: this.engine.isActive(node) ? 'accepted' : 'inconclusive', node }
    } finally {
      this.#onLocal = undefined
      this.#onFailed = undefined
    }
  }

  #askPool<T>(use: (pool: Mempool, done: (value: T) => void) => void): Promise<T> {
    const { mempool } = this
    if (mempool === undefined)
      return Promise.reject(new UserError('this chain has no transactions but those of miners'))
    return this.#ask((_, done) => use(mempool, done))
  }

  #ask<T>(use: (chain: ChainEngine, done: (value: T) => void) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#ended)
      this.#asked.add(reject)
      this.#hooks.withChain((chain) =>
        use(chain, (value) => {
          this.#asked.delete(reject)
          resolve(value)
        }),
      )
    })
  }

  async #walkCoins<T>(
    read: (batches: AsyncIterable<readonly StoredPair[]>) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<{ tip: HeaderNode; result: T }> {
    const { tip, batches } = await this.#ask<{
      tip: HeaderNode
      batches: AsyncGenerator<readonly StoredPair[]>
    }>((chain, done) =>
      chain.maintenance.flushed((at) => {
        const rows = this.#backend.store.scan(COIN_PREFIX)[Symbol.asyncIterator]()
        // Asked for at once, so that the rows are those of this moment.
        done({ tip: at, batches: batchesOf(rows, rows.next(), signal) })
      }),
    )
    return { tip, result: await read(batches) }
  }
}
