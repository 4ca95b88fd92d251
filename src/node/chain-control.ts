/**
 * The chain of a running node as RPC, miners and embedding programs use it: questions that may take a while are
 * promises. Changes go to the core as inputs; nothing here changes the chain by itself.
 */
import { type Coin, coinKey, decodeCoin } from '../chain/coin.ts'
import { targetOfBits } from '../chain/compact-bits.ts'
import type { ChainEngine } from '../chain/engine.ts'
import { describeFault } from '../chain/faults.ts'
import type { HeaderNode } from '../chain/header-node.ts'
import type { StoredBlock } from '../chain/io.ts'
import type { MaintenanceResult } from '../chain/maintenance.ts'
import type { BlockOutcome, ChainOutcome } from '../chain/outcomes.ts'
import { blockTemplate, type TemplateRequest, withNonce } from '../mining/template.ts'
import type { UnixSeconds } from '../primitives/brand.ts'
import { UserError } from '../primitives/errors.ts'
import type { Block } from '../wire/block.ts'
import type { ChainBackend } from './chain-backend.ts'

export interface ChainControlHooks {
  /** Gives the engine to a function, as an input of the core. */
  withChain(use: (chain: ChainEngine) => void): void
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

/** No chain takes blocks that are further ahead. */
const MAX_TIME_AHEAD_SECONDS = 600

/** Waits for the tip that end without one after this long at most. */
export const MAX_WAIT_MS = 300_000
const MAX_NONCE = 0xffff_ffff

export class ChainControl {
  readonly #backend: ChainBackend
  readonly #hooks: ChainControlHooks
  readonly #tipWaiters = new Set<(tip: HeaderNode) => void>()
  #onLocal: ((outcome: BlockOutcome) => void) | undefined
  #onFailed: ((node: HeaderNode, code: string, text: string) => void) | undefined
  /** One block is handed in at a time, so that answers can be told apart. */
  #lastSubmit: Promise<unknown> = Promise.resolve()

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

  get backend(): ChainBackend {
    return this.#backend
  }

  /** To be told what the chain tells. */
  note(outcome: ChainOutcome): void {
    if (outcome.type === 'block' && outcome.source === 'local') this.#onLocal?.(outcome)
    if (outcome.type === 'blockFailed')
      this.#onFailed?.(outcome.node, outcome.fault.code, describeFault(outcome.fault))
    if (outcome.type === 'tip') for (const waiter of this.#tipWaiters) waiter(outcome.tip)
  }

  /** The block as it is served: the payload of a `block` message. Undefined if it is not stored. */
  readBlock(node: HeaderNode): Promise<StoredBlock | undefined> {
    return new Promise((resolve) => {
      this.#hooks.withChain((chain) => chain.read([node], ([block]) => resolve(block)))
    })
  }

  /** An unspent output as the tip sees it; undefined if there is none. */
  async coin(txid: Uint8Array, index: number): Promise<Coin | undefined> {
    const key = coinKey(txid, index)
    const known = this.#known(key)
    if (known !== undefined) return known.coin
    const result = await this.#backend.store.perform({ kind: 'get', keys: [key] })
    if (!result.ok) throw new Error(`the coins can not be read: ${result.error}`)
    // It may have changed while the store was asked; what the engine knows is newer.
    const meanwhile = this.#known(key)
    if (meanwhile !== undefined) return meanwhile.coin
    const [value] = result.value as (Uint8Array | undefined)[]
    return value === undefined ? undefined : decodeCoin(value)
  }

  /** Hands a block in, as if a peer had brought it. */
  submitBlock(block: Block): Promise<SubmitResult> {
    const next = this.#lastSubmit.then(() => this.#submit(block))
    this.#lastSubmit = next.catch(() => undefined)
    return next
  }

  /** Undefined if all went well, else why not. */
  invalidate(node: HeaderNode): Promise<MaintenanceResult> {
    return this.#ask((chain, done) => chain.maintenance.invalidate(node, done))
  }

  reconsider(node: HeaderNode): Promise<MaintenanceResult> {
    return this.#ask((chain, done) => chain.maintenance.reconsider(node, done))
  }

  /** Undefined if all is well, else what is wrong. */
  verify(level: number, depth: number): Promise<MaintenanceResult> {
    return this.#ask((chain, done) => chain.maintenance.verify(level, depth, done))
  }

  /** Resolves with the tip when it fits, at the latest after so long. The signal ends the wait as well. */
  waitForTip(
    fits: (tip: HeaderNode) => boolean,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<HeaderNode> {
    const { tip } = this.engine
    if (fits(tip) || timeoutMs <= 0 || signal?.aborted === true) return Promise.resolve(tip)
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer)
        this.#tipWaiters.delete(waiter)
        signal?.removeEventListener('abort', end)
        resolve(this.engine.tip)
      }
      const waiter = (now: HeaderNode): void => {
        if (fits(now)) end()
      }
      const timer = setTimeout(end, Math.min(timeoutMs, MAX_WAIT_MS))
      this.#tipWaiters.add(waiter)
      signal?.addEventListener('abort', end)
    })
  }

  /** A block to work on, behind the tip. */
  template(wishes: TemplateWishes): ReturnType<typeof blockTemplate> {
    const { engine } = this
    return blockTemplate({
      params: engine.params,
      parent: engine.tip,
      time: this.#hooks.unixTime(),
      ...wishes,
    })
  }

  /**
   * Mines so many blocks that pay to a script, one after the other. Stops early if the signal says so. Their times lead
   * up to now, a second apart, so that many can be mined at once before the chain is ahead of the clock. Throws
   * UserError when it is.
   */
  async generate(count: number, script: Uint8Array, signal?: AbortSignal): Promise<Uint8Array[]> {
    const hashes: Uint8Array[] = []
    while (hashes.length < count && signal?.aborted !== true) {
      const now = this.#hooks.unixTime()
      const { block } = this.template({ script, time: now - (count - hashes.length - 1) })
      if (block.header.time > now + MAX_TIME_AHEAD_SECONDS)
        throw new UserError(
          `${hashes.length} blocks mined; then the time of the next one would be too far ahead of the clock. Wait, or set the clock on with setmocktime`,
        )
      const range = {
        header: block.header.bytes,
        startNonce: 0,
        count: MAX_NONCE,
        target: targetBytes(block.header.bits),
      }
      const nonce = await this.#backend.hasher.scan(range, signal)
      // All nonces of this second are used up, or somebody else was faster.
      if (nonce === undefined) continue
      const result = await this.submitBlock({ ...block, header: withNonce(block.header, nonce) })
      if (result.result === 'rejected') throw new Error(`our own block is refused: ${result.text}`)
      if (result.result === 'accepted') hashes.push(result.node.hash)
    }
    return hashes
  }

  async #submit(block: Block): Promise<SubmitResult> {
    let failed: { node: HeaderNode; code: string; text: string } | undefined
    this.#onFailed = (node, code, text) => {
      failed ??= { node, code, text }
    }
    try {
      const outcome = await new Promise<BlockOutcome>((resolve) => {
        this.#onLocal = resolve
        this.#hooks.withChain((chain) => chain.submitBlock('local', block))
      })
      const { verdict, node, fault } = outcome
      if (node === undefined || (verdict !== 'stored' && verdict !== 'duplicate'))
        return {
          result: 'rejected',
          code: fault?.code ?? verdict,
          text: fault === undefined ? verdict : describeFault(fault),
        }
      if (verdict === 'duplicate') return { result: 'duplicate', node }
      await this.#ask<undefined>((chain, done) => chain.settled(() => done(undefined)))
      if (node.isFailed)
        return { result: 'rejected', code: failed?.code ?? 'invalid', text: failed?.text ?? 'invalid' }
      return { result: this.engine.isActive(node) ? 'accepted' : 'inconclusive', node }
    } finally {
      this.#onLocal = undefined
      this.#onFailed = undefined
    }
  }

  #ask<T>(use: (chain: ChainEngine, done: (value: T) => void) => void): Promise<T> {
    return new Promise((resolve) => {
      this.#hooks.withChain((chain) => use(chain, resolve))
    })
  }

  /** What the engine knows of an output without asking the store. */
  #known(key: string): { coin: Coin | undefined } | undefined {
    const { coins } = this.engine
    return coins.knows(key) ? { coin: coins.get(key) } : undefined
  }
}

/** 32 bytes in wire order, as hashes are compared. */
function targetBytes(bits: number): Uint8Array {
  const bytes = new Uint8Array(32)
  let rest = targetOfBits(bits)
  for (let i = 0; i < 32; i++, rest >>= 8n) bytes[i] = Number(rest & 0xffn)
  return bytes
}
