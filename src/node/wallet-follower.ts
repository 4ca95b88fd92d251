/**
 * Lets a wallet's history follow the active chain: compares how far it was read with where the chain ends, and reads on,
 * or goes back to where both part, until they agree. One way for the start, for new blocks, for reorganisations and for
 * looking through all of it again. Reads a bounded batch at a time, between which everybody else has his turn.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ChainEngine } from '../chain/engine.ts'
import { type HeaderNode, NodeFlag } from '../chain/header-node.ts'
import type { StoredBlock } from '../chain/io.ts'
import { NODE_STOPS } from '../chain/maintenance.ts'
import { Pace } from '../chain/pace.ts'
import {
  WALLET_BATCH_BLOCKS,
  WALLET_BATCH_BYTES,
  WALLET_SAVE_BLOCKS,
  WALLET_WAIT_BLOCKS,
} from '../params/wallet-limits.ts'
import { bytesEqual } from '../primitives/bytes.ts'
import { errorText, UserError } from '../primitives/errors.ts'
import { sha3_256 } from '../primitives/sha3.ts'
import type { WalletHistory } from '../wallet/history.ts'
import type { BlockPlace, HistoryEntry } from '../wallet/history-entry.ts'
import type { HistoryState } from '../wallet/history-rows.ts'
import { bytesOf, eachTransactionOf, transactionsOf } from './stored-transactions.ts'
import type { HistoryStore } from './wallet-history-store.ts'

export interface FollowerHooks {
  readonly engine: ChainEngine
  readBlock(node: HeaderNode): Promise<StoredBlock | undefined>
  /** These are new to the history. Resolves when addresses that follow from them are watched. */
  found(entries: readonly HistoryEntry[]): Promise<void>
  /** Are all addresses watched that should be? */
  isFilled(): boolean
  isPending(key: string): boolean
  /** All of the chain has been read again; more of what waits may be known to be about the wallet. */
  rescanned(): void
  /** All of the chain has been read. */
  settled(): void
  notice(line: string): void
}

/** Of a transaction and each of its inputs and outputs, as {@link Pace} counts. */
const LOOK_WORK = 2

interface Waiting {
  readonly height: number
  readonly done: (wasRead: boolean) => void
}

/** Is there more to do, is all done, or can it not be done now? */
type Progress = 'more' | 'done' | 'stuck'

/** What does not change while it follows, for the note on the disk. */
export type FollowedWallet = Pick<HistoryState, 'wallet' | 'imported'>

export class WalletFollower {
  readonly #hooks: FollowerHooks
  readonly #history: WalletHistory
  readonly #store: HistoryStore
  #wallet: FollowedWallet
  /** The last block that was read. */
  #at: HeaderNode
  #isRescanWanted = false
  #isRescanning = false
  #missedBelow = 0
  #toldOfMissing = false
  #running: Promise<void> | undefined
  #isClosed = false
  #unsavedBlocks = 0
  #toldOf: string | undefined
  #obstacle: string | undefined
  #waiting: Waiting[] = []

  constructor(history: WalletHistory, store: HistoryStore, wallet: FollowedWallet, hooks: FollowerHooks) {
    this.#history = history
    this.#store = store
    this.#wallet = wallet
    this.#hooks = hooks
    this.#at = hooks.engine.tree.genesis
  }

  /** Height up to which the chain was read. */
  get height(): number {
    return this.#at.height
  }

  /** Is so much of the chain still to be read that the history can't be relied on? */
  get isScanning(): boolean {
    const { height } = this.#hooks.engine.tip
    return height - this.#at.height + (this.#isRescanDue ? height : 0) > WALLET_WAIT_BLOCKS
  }

  /** Blocks below this height could not be read; 0 if all were. */
  get missedBelow(): number {
    return this.#missedBelow
  }

  /** Why the rest of the chain can't be read; undefined if it can. */
  get obstacle(): string | undefined {
    return this.#obstacle
  }

  /** Goes on from where it was left, or begins behind that height. */
  begin(saved: HistoryState | undefined, birthHeight: number): void {
    const { engine } = this.#hooks
    if (saved === undefined) {
      // What --reindex has kept waits until it is found in its block again.
      this.#history.undo(() => true)
      this.#at = engine.activeAt(Math.max(0, birthHeight - 1)) ?? engine.tip
    } else {
      const known = saved.locator.map((hash) => engine.tree.get(hash)).find((node) => node !== undefined)
      this.#at = known ?? engine.tree.genesis
      // What was mined above is not known to be so any more, unless it was read before.
      if (!saved.isRescanning) this.#history.undoAbove(this.#at.height)
      this.#isRescanWanted = saved.isRescanWanted || saved.imported < this.#wallet.imported
      this.#isRescanning = saved.isRescanning
      this.#missedBelow = saved.missedBelow
    }
    this.poke()
  }

  /** The chain may have changed. */
  poke(): void {
    if (this.#isClosed) return
    this.#running ??= this.#run()
  }

  /** Has all of the chain read again from that height on, once it has been read to its end. */
  rescan(fromHeight: number, wallet: FollowedWallet = this.#wallet): void {
    this.#wallet = wallet
    const { engine } = this.#hooks
    // What was not read before is to be read as well.
    const behind = Math.min(fromHeight - 1, this.#at.height)
    this.#at = engine.activeAt(Math.max(0, behind)) ?? engine.tree.genesis
    this.#isRescanning = true
    // Of what is read again it will be told again; what lies below stays missed.
    this.#missedBelow = Math.min(this.#missedBelow, fromHeight <= 1 ? 0 : fromHeight)
    this.poke()
  }

  /** There may be more to be found than was watched for. Resolves when that will not be forgotten any more. */
  async noteRescan(): Promise<void> {
    this.#isRescanWanted = true
    await this.save(true)
  }

  /** Resolves when the chain as it is now has been read, or is so long that this takes a while. */
  async caughtUp(): Promise<void> {
    if (!this.isScanning) await this.#until(this.#hooks.engine.tip.height)
  }

  /** Resolves when the chain was read up to that height, or to its end. Throws UserError if it can't be read now. */
  async until(height: number): Promise<void> {
    if (await this.#until(height)) return
    throw new UserError(
      this.#isClosed
        ? `${NODE_STOPS}: the rest of the chain is read when it runs again`
        : (this.#obstacle ?? "the chain can't be read now"),
    )
  }

  /** False if it can't be read now. */
  #until(height: number): Promise<boolean> {
    if (this.#isSettled) return Promise.resolve(true)
    if (this.#isClosed) return Promise.resolve(false)
    return new Promise((done) => {
      this.#waiting.push({ height, done })
      this.poke()
    })
  }

  /** Writes what has changed. */
  async save(lasts = false): Promise<void> {
    this.#unsavedBlocks = 0
    const { engine } = this.#hooks
    await this.#store.save(this.#history.drainChanges(), this.#state(engine), lasts)
  }

  /** Writes what is known and reads no more. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#release(() => true, false)
    await this.save()
  }

  #state(engine: ChainEngine): HistoryState {
    return {
      ...this.#wallet,
      // Until all of it was read for the imported keys, it counts as not read for them.
      isRescanWanted: this.#isRescanWanted,
      isRescanning: this.#isRescanning,
      missedBelow: this.#missedBelow,
      locator: engine.locator(this.#at),
    }
  }

  get #isRescanDue(): boolean {
    return this.#isRescanWanted && this.#hooks.isFilled()
  }

  get #isSettled(): boolean {
    return this.#at === this.#hooks.engine.tip && !this.#isRescanning && !this.#isRescanDue
  }

  async #run(): Promise<void> {
    let progress: Progress = 'more'
    try {
      while (!this.#isClosed && progress === 'more') {
        progress = await this.#step()
        if (progress === 'more') await nextTurn()
      }
    } catch (error) {
      progress = 'stuck'
      this.#tell(`The wallet can't follow the chain: ${errorText(error)}`)
    }
    this.#running = undefined
    // The next change of the chain is another try; nobody is to wait for it.
    if (progress === 'stuck') this.#release(() => true, false)
    else if (this.#at !== this.#hooks.engine.tip) this.poke()
  }

  async #step(): Promise<Progress> {
    const { engine } = this.#hooks
    if (this.#at === engine.tip) return await this.#atEnd()
    if (!engine.isActive(this.#at)) await this.#goBack()
    else if (!(await this.#readOn())) return 'stuck'
    // Blocks of another branch, and those that are read again, are not what is waited for.
    const counts = engine.isActive(this.#at) && !this.#isRescanning && !this.#isRescanDue
    this.#release(({ height }) => counts && height <= this.#at.height)
    if (this.#unsavedBlocks >= WALLET_SAVE_BLOCKS) await this.save()
    return 'more'
  }

  async #atEnd(): Promise<Progress> {
    const { engine, isPending } = this.#hooks
    if (this.#isRescanning) {
      const isUndone = ({ height, hash }: BlockPlace): boolean => {
        const now = engine.activeAt(height)
        return now === undefined || !bytesEqual(now.hash, hash)
      }
      const own = await this.#readOwn(isUndone)
      // The chain has gone on meanwhile.
      if (this.#at !== engine.tip || this.#isClosed) return 'more'
      this.#isRescanning = false
      this.#undo(isUndone, own)
      this.#hooks.rescanned()
      return 'more'
    }
    if (this.#isRescanDue) {
      this.#isRescanWanted = false
      this.rescan(0)
      return 'more'
    }
    for (const entry of [...this.#history.entries()]) {
      const { key, block, raw } = entry
      if (block === undefined && raw === undefined && !isPending(key)) this.#history.forget(key)
      // What was mined lately may have to be handed in again, though the block is gone as well.
      else if (block !== undefined && engine.tip.height - block.height >= engine.params.maxReorgDepth)
        this.#history.dropRaw(key)
    }
    await this.save()
    if (this.#at !== engine.tip || this.#isRescanning) return 'more'
    this.#obstacle = undefined
    this.#release(() => true)
    this.#hooks.settled()
    return 'done'
  }

  /** To where the chain that was read leaves the active one. */
  async #goBack(): Promise<void> {
    const { engine } = this.#hooks
    const from = this.#at
    let fork = from
    while (!engine.isActive(fork) && fork.parent !== undefined) fork = fork.parent
    const isUndone = ({ height }: BlockPlace): boolean => height > fork.height
    const own = await this.#readOwn(isUndone)
    // Somebody else may have begun anew meanwhile.
    if (this.#at !== from || this.#isClosed) return
    this.#at = fork
    this.#undo(isUndone, own)
  }

  /**
   * Our own transactions of these blocks whose bytes are not at hand, by key: they will wait again, and may have to be
   * handed in again.
   */
  async #readOwn(isUndone: (block: BlockPlace) => boolean): Promise<Map<string, Uint8Array>> {
    const { engine, readBlock } = this.#hooks
    const own = new Map<string, Uint8Array>()
    for (const { key, block, raw, spent, isCoinbase } of [...this.#history.entries()]) {
      if (block === undefined || raw !== undefined || spent.length === 0 || isCoinbase) continue
      if (!isUndone(block)) continue
      const node = engine.tree.get(block.hash)
      const stored = node === undefined ? undefined : await readBlock(node)
      const transaction = stored === undefined ? undefined : transactionsOf(stored)[block.position]
      if (transaction !== undefined) own.set(key, bytesOf(transaction))
    }
    return own
  }

  /** All at once, so that nothing of our own is written down, or forgotten, while its bytes are not at hand. */
  #undo(isUndone: (block: BlockPlace) => boolean, own: ReadonlyMap<string, Uint8Array>): void {
    this.#history.undo(isUndone)
    for (const [key, raw] of own) this.#history.keepRaw(key, raw)
  }

  /** False if a block can't be read. */
  async #readOn(): Promise<boolean> {
    const nodes = this.#nextNodes()
    const blocks = await Promise.all(nodes.map((node) => this.#hooks.readBlock(node)))
    const found: HistoryEntry[] = []
    for (const [i, node] of nodes.entries()) {
      // Somebody else may have begun anew meanwhile.
      if (node.parent !== this.#at || this.#isClosed) break
      const block = blocks[i]
      if (block !== undefined) {
        found.push(...(await this.#take(node, block)))
        if (node.parent !== this.#at || this.#isClosed) break
      } else if (node.has(NodeFlag.pruned)) this.#missed(node)
      else {
        this.#tell(
          `The wallet can't read block ${node.height}: start once with --reindex to have it fetched again`,
        )
        return false
      }
      this.#at = node
      this.#unsavedBlocks++
    }
    if (found.length > 0) await this.#hooks.found(found)
    return true
  }

  #nextNodes(): HeaderNode[] {
    const { engine } = this.#hooks
    const nodes: HeaderNode[] = []
    let bytes = 0
    while (nodes.length < WALLET_BATCH_BLOCKS && bytes < WALLET_BATCH_BYTES) {
      const node = engine.activeAt(this.#at.height + nodes.length + 1)
      if (node === undefined) break
      nodes.push(node)
      bytes += node.position?.length ?? 0
    }
    return nodes
  }

  /** Ends early if nobody wants it any more. */
  async #take(node: HeaderNode, stored: StoredBlock): Promise<HistoryEntry[]> {
    const { height, hash, time } = node
    const found: HistoryEntry[] = []
    const pace = new Pace()
    let position = 0
    for (const transaction of eachTransactionOf(stored)) {
      const txid = (): Uint8Array => sha3_256(bytesOf(transaction))
      const entry = this.#history.mined(transaction, txid, { height, hash, time, position: position++ })
      if (entry !== undefined) found.push(entry)
      if (!pace.isOver(LOOK_WORK * (1 + transaction.inputs.length + transaction.outputs.length))) continue
      await nextTurn()
      if (node.parent !== this.#at || this.#isClosed) break
    }
    return found
  }

  #missed({ height }: HeaderNode): void {
    if (!this.#toldOfMissing)
      this.#hooks.notice(
        'Old blocks have been deleted (--prune), so payments in them are not known. To find them, start once without --prune in another data directory',
      )
    this.#toldOfMissing = true
    this.#missedBelow = height + 1
  }

  /** Lets those go on who wait for this. */
  #release(isDone: (waiting: Waiting) => boolean, wasRead = true): void {
    const waiting = this.#waiting
    this.#waiting = waiting.filter((each) => !isDone(each))
    for (const each of waiting) if (isDone(each)) each.done(wasRead)
  }

  /** Each reason once. */
  #tell(text: string): void {
    this.#obstacle = text
    if (this.#toldOf === text) return
    this.#toldOf = text
    this.#hooks.notice(text)
  }
}
