/**
 * Mines in the background: makes a block behind the tip, searches a nonce for it, hands in what it finds. One search
 * at a time, which ends when the tip changes, when the work has grown old or could pay more, and when the operator
 * changes something; nothing is looked at again and again. It waits by itself while mining would be in vain.
 * Searches have the hasher's least urgent lane, so checking the blocks of others never waits for them.
 */
import { randomBytes } from 'node:crypto'
import { targetBytes } from '../chain/compact-bits.ts'
import type { HeaderNode } from '../chain/header-node.ts'
import type { NodeEvent } from '../core/seam.ts'
import { RateMeter } from '../crypto/rate-meter.ts'
import { ExtraNonce, MINER_ID_BYTES } from '../mining/extra-nonce.ts'
import { type BlockTemplate, withNonce } from '../mining/template.ts'
import {
  MINING_FEE_SHARE,
  MINING_INTERVAL_MS,
  MINING_RATE_FIRST_MS,
  MINING_RATE_INTERVAL_MS,
  MINING_RETRY_MS,
  MINING_STOP_MS,
  MINING_TEMPLATE_MIN_MS,
  MINING_TEMPLATE_MS,
} from '../params/limits.ts'
import { errorText, UserError } from '../primitives/errors.ts'
import type { ChainControl } from './chain-control.ts'
import { lines, type MinerNotice } from './miner-lines.ts'
import { fairMiningRefusal, type MinerWait, obstacleTo } from './miner-obstacles.ts'
import { type NodeClock, systemNodeClock } from './node-clock.ts'

/** Who says to which scripts rewards go: a wallet. Asked again after each block that was accepted. */
export interface RewardSource {
  /** Undefined if there is none. */
  nextMiningScript(): Uint8Array | undefined | Promise<Uint8Array | undefined>
}

export interface MinerOptions {
  /** Hashes at once; left out: as many as the hasher makes. */
  readonly threads?: number | undefined
  /** Where rewards go, before anybody else is asked. */
  readonly script?: Uint8Array | undefined
  /** From a block of our own to the search for the next one. Left out: MINING_INTERVAL_MS. */
  readonly intervalMs?: number | undefined
  /** RandomX: have the full data set built for as long as the miner is on, if memory allows. */
  readonly fullDatasetWhileMining?: boolean
  readonly onNotice?: ((notice: MinerNotice) => void) | undefined
  readonly clock?: NodeClock
}

export interface MinerReport {
  /** It mines, or waits to go on. */
  readonly isOn: boolean
  /** Why it waits; undefined if it does not. */
  readonly wait: MinerWait | undefined
  /** Why it was not started when that was asked for last; undefined if it was. */
  readonly refusal: string | undefined
  readonly hashesPerSecond: number
  /** Hashes at once. */
  readonly threads: number
  /** Where the next reward goes, as far as that is known. */
  readonly payee: Uint8Array | undefined
  readonly found: number
  /** Of those found: became the tip; came too late; were not taken by our own chain, which is a fault. */
  readonly accepted: number
  readonly stale: number
  readonly refused: number
}

interface Session {
  readonly stop: AbortController
  readonly done: Promise<void>
}

/** Events by which a reason to wait may end. */
const WAKING: ReadonlySet<NodeEvent['type']> = new Set(['handshakeComplete', 'disconnected', 'caughtUp'])
const ALL_NONCES = { startNonce: 0, count: 2 ** 32 }

export class Miner {
  readonly #chain: ChainControl
  readonly #isAlone: () => boolean
  readonly #options: MinerOptions
  readonly #clock: NodeClock
  readonly #rate: RateMeter
  readonly #extra = new ExtraNonce(randomBytes(MINER_ID_BYTES))
  readonly #counts = { found: 0, accepted: 0, stale: 0, refused: 0 }
  #threads: number | undefined
  #script: Uint8Array | undefined
  #source: RewardSource | undefined
  #sourceScript: Uint8Array | undefined
  #session: Session | undefined
  #ended: Promise<void> = Promise.resolve()
  /** Aborted when what is being done now should be thought over. */
  #step: AbortController | undefined
  #work:
    | { readonly pays: number; readonly sinceMs: number; newFees: number; cancelEnd: () => void }
    | undefined
  #wait: MinerWait | undefined
  #refusal: string | undefined
  #trouble: { readonly text: string; readonly untilMs: number } | undefined
  #wantsDataset = false
  #refusedBehind: HeaderNode | undefined
  #nextSearchMs = Number.NEGATIVE_INFINITY
  #nextRateMs = 0

  /** `isAlone`: is there nobody to catch up with, and nobody wanted? */
  constructor(chain: ChainControl, isAlone: () => boolean, options: MinerOptions = {}) {
    this.#chain = chain
    this.#isAlone = isAlone
    this.#options = options
    this.#clock = options.clock ?? systemNodeClock
    this.#rate = new RateMeter(() => this.#clock.nowMs())
    this.#threads = options.threads
    this.#script = options.script
  }

  /** Where rewards go as the operator said; undefined if that is left to a wallet. */
  get script(): Uint8Array | undefined {
    return this.#script
  }

  set script(script: Uint8Array | undefined) {
    this.#script = script
    this.#step?.abort()
  }

  /** Hashes at once. May be set to more than the hasher makes. */
  get threads(): number {
    const { threads } = this.#chain.backend.hasher
    return Math.min(this.#threads ?? threads, threads)
  }

  set threads(threads: number) {
    this.#threads = threads
    this.#step?.abort()
  }

  /** What would keep from mining now, even if the miner is off. */
  get obstacle(): MinerWait | undefined {
    return obstacleTo(this.#chain.engine, this.#isAlone)
  }

  /** Rewards go there unless {@link script} is set. */
  useWallet(source: RewardSource): void {
    this.#source = source
    this.#step?.abort()
  }

  report(): MinerReport {
    const isOn = this.#session !== undefined
    return {
      isOn,
      // As things are now, though the miner itself may not have looked yet.
      wait: isOn ? (this.#obstacle() ?? this.#troubleAsWait()) : undefined,
      refusal: this.#refusal,
      hashesPerSecond: isOn ? this.#rate.perSecond : 0,
      threads: this.threads,
      payee: this.#script ?? this.#sourceScript,
      ...this.#counts,
    }
  }

  /** Returns why it can't be, in one line; undefined if all is well. */
  start(): string | undefined {
    if (this.#session !== undefined) return undefined
    this.#refusal = fairMiningRefusal(this.#chain.engine.params) ?? this.#missingAddress()
    if (this.#refusal !== undefined) return this.#refusal
    this.#tell(lines.started(this.#script, this.threads))
    this.#nextRateMs = this.#clock.nowMs() + MINING_RATE_FIRST_MS
    this.#wait = undefined
    const stop = new AbortController()
    // What an earlier session began must have ended, or two would search at once.
    this.#session = { stop, done: this.#ended.then(() => this.#run(stop.signal)) }
    return undefined
  }

  /** Ends the search at once; resolves when a block that is being handed in has arrived, or has taken too long. */
  stop(): Promise<void> {
    this.#refusal = undefined
    const session = this.#session
    if (session === undefined) return this.#ended
    this.#session = undefined
    session.stop.abort()
    this.#step?.abort()
    this.#ended = new Promise<void>((resolve) => {
      const cancel = this.#clock.after(MINING_STOP_MS, resolve)
      void session.done.then(() => {
        cancel()
        resolve()
      })
    }).then(() => this.#tell(lines.stopped(this.#counts)))
    this.#wantDataset(false)
    return this.#ended
  }

  /** To be told of what happens to the node. */
  note(event: NodeEvent): void {
    if (event.type === 'mempool') {
      const { outcome } = event
      if (outcome.type === 'transaction') this.#noteFees(outcome.entry?.fee ?? 0)
      return
    }
    const isTip = event.type === 'chain' && event.outcome.type === 'tip'
    const mayWake = this.#wait !== undefined && (event.type === 'chain' || WAKING.has(event.type))
    if (isTip || mayWake) this.#step?.abort()
  }

  /** A transaction has come that pays so much, in ions. */
  #noteFees(fees: number): void {
    if (this.#work === undefined) return
    this.#work.newFees += fees
    if (this.#work.newFees < MINING_FEE_SHARE * this.#work.pays) return
    this.#endWorkAfter(MINING_TEMPLATE_MIN_MS)
  }

  async #run(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      const step = new AbortController()
      this.#step = step
      const obstacle = this.#obstacle()
      this.#enter(obstacle ?? this.#troubleAsWait())
      const nowMs = this.#clock.nowMs()
      const pauseMs = Math.max(this.#nextSearchMs, this.#trouble?.untilMs ?? 0) - nowMs
      if (obstacle !== undefined) await this.#rest(step)
      else if (pauseMs > 0) await this.#rest(step, pauseMs)
      else await this.#search(step)
    }
  }

  #obstacle(): MinerWait | undefined {
    const missing = this.#missingAddress()
    return missing === undefined ? this.obstacle : { code: 'noAddress', text: missing }
  }

  #missingAddress(): string | undefined {
    if (this.#script !== undefined || this.#source !== undefined) return undefined
    return 'there is no address that rewards could go to: give one with --mining-address or setminingaddress'
  }

  #troubleAsWait(): MinerWait | undefined {
    return this.#trouble === undefined ? undefined : { code: 'trouble', text: this.#trouble.text }
  }

  /** Until the step is aborted, at the latest after so long. */
  #rest(step: AbortController, ms?: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = ms === undefined ? undefined : this.#clock.after(ms, () => step.abort())
      const end = (): void => {
        cancel?.()
        resolve()
      }
      step.signal.addEventListener('abort', end, { once: true })
    })
  }

  async #search(step: AbortController): Promise<void> {
    try {
      const script = await this.#rewardScript()
      if (step.signal.aborted) return
      const template = this.#template(script)
      const earlyMs = 1_000 * this.#chain.secondsTooEarly(template)
      if (earlyMs > 0) {
        this.#nextSearchMs = this.#clock.nowMs() + Math.min(earlyMs, MINING_RETRY_MS)
        return
      }
      this.#beginWork(template)
      this.#wantDataset(true)
      const { header } = template.block
      const nonce = await this.#chain.backend.hasher.scan(
        { header: header.bytes, target: targetBytes(header.bits), ...ALL_NONCES },
        { signal: step.signal, threads: this.threads, tried: (hashes) => this.#noteHashes(hashes) },
      )
      if (nonce !== undefined) await this.#handIn(template, nonce)
    } catch (error) {
      this.#trouble = { text: errorText(error), untilMs: this.#clock.nowMs() + MINING_RETRY_MS }
    } finally {
      this.#work?.cancelEnd()
      this.#work = undefined
    }
    this.#tellRate()
  }

  /** From the first search on, until the miner is stopped. */
  #wantDataset(isWanted: boolean): void {
    if (this.#options.fullDatasetWhileMining !== true || this.#wantsDataset === isWanted) return
    this.#wantsDataset = isWanted
    this.#chain.backend.hasher.setFullDataset(isWanted)
  }

  #template(script: Uint8Array): BlockTemplate {
    const wishes = { script, extra: this.#extra.next() }
    // What was wrong with the block that was refused is not known: another one behind this tip does without it.
    const isCareful = this.#refusedBehind === this.#chain.engine.tip
    return this.#chain.template(isCareful ? { ...wishes, transactions: [], fees: 0 } : wishes)
  }

  async #rewardScript(): Promise<Uint8Array> {
    if (this.#script !== undefined) return this.#script
    this.#sourceScript ??= await this.#source?.nextMiningScript()
    if (this.#sourceScript === undefined) throw new UserError('the wallet has no address to mine to')
    return this.#sourceScript
  }

  #beginWork({ coinbase }: BlockTemplate): void {
    const pays = Number(coinbase.outputs[0]?.value ?? 0n)
    this.#work = { pays, sinceMs: this.#clock.nowMs(), newFees: 0, cancelEnd: () => undefined }
    this.#endWorkAfter(MINING_TEMPLATE_MS)
  }

  /** Counted from when the work was begun. */
  #endWorkAfter(ms: number): void {
    const work = this.#work
    const step = this.#step
    if (work === undefined) return
    work.cancelEnd()
    const leftMs = work.sinceMs + ms - this.#clock.nowMs()
    if (leftMs > 0) work.cancelEnd = this.#clock.after(leftMs, () => step?.abort())
    else step?.abort()
  }

  #noteHashes(hashes: number): void {
    this.#rate.add(hashes)
    this.#trouble = undefined
    this.#enter(undefined)
  }

  async #handIn({ block, height }: BlockTemplate, nonce: number): Promise<void> {
    this.#counts.found++
    this.#nextSearchMs = this.#clock.nowMs() + (this.#options.intervalMs ?? MINING_INTERVAL_MS)
    const result = await this.#chain.submitBlock({ ...block, header: withNonce(block.header, nonce) })
    if (result.result === 'accepted') {
      this.#counts.accepted++
      this.#sourceScript = undefined
      this.#tell(lines.found(height, result.node.hash))
    } else if (result.result !== 'rejected') {
      this.#counts.stale++
      this.#tell(lines.stale(height, result.node.hash))
    } else {
      this.#counts.refused++
      this.#refusedBehind = this.#chain.engine.tip
      this.#nextSearchMs = this.#clock.nowMs() + MINING_RETRY_MS
      this.#tell(lines.refused(height, result.text))
    }
  }

  #enter(wait: MinerWait | undefined): void {
    const before = this.#wait
    this.#wait = wait
    if (wait?.code === before?.code && (wait?.code !== 'trouble' || wait.text === before?.text)) return
    this.#tell(wait === undefined ? lines.goesOn() : lines.waits(wait.text))
  }

  #tellRate(): void {
    const nowMs = this.#clock.nowMs()
    if (nowMs < this.#nextRateMs) return
    this.#nextRateMs = nowMs + MINING_RATE_INTERVAL_MS
    this.#tell(lines.rate(this.#rate.perSecond, this.#chain.backend.hasher.mode, this.#counts))
  }

  #tell(notice: MinerNotice): void {
    this.#options.onNotice?.(notice)
  }
}
