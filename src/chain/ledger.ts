/**
 * What is to be written: changed headers, coins, undo data and the tip, committed together so that the store always
 * shows the chain as it was at one moment. One commit at a time; what changes meanwhile is for the next.
 */
import type { CoinCache } from './coin-cache.ts'
import { type HeaderNode, NodeFlag } from './header-node.ts'
import type { Job, StoreChange } from './io.ts'
import { commitChanges, getValues } from './requests.ts'
import { encodeHeaderRow, headerRowKey, TIP_KEY } from './rows.ts'
import type { TxIndex } from './tx-index.ts'
import { undoKey } from './undo.ts'

/** A header row with its key. */
const ROW_BYTES = 160

export class Ledger {
  readonly #coins: CoinCache
  readonly #index: TxIndex | undefined
  readonly #nodes = new Set<HeaderNode>()
  /** Keys of header rows to be deleted. */
  #removed: string[] = []
  /** Undo data to be written, or (undefined) deleted. */
  #undo = new Map<string, Uint8Array | undefined>()
  #undoBytes = 0
  /** On its way to the store. */
  #flying: Map<string, Uint8Array | undefined> | undefined
  #committedTip: HeaderNode | undefined

  constructor(coins: CoinCache, tip: HeaderNode, index?: TxIndex) {
    this.#coins = coins
    this.#index = index
    this.#committedTip = tip
  }

  /** Is a commit under way? */
  get isCommitting(): boolean {
    return this.#flying !== undefined
  }

  /** Memory that waits for a commit. */
  get bytes(): number {
    const index = this.#index?.bytes ?? 0
    return this.#coins.dirtyBytes + this.#undoBytes + index + this.#nodes.size * ROW_BYTES
  }

  isDirty(tip: HeaderNode): boolean {
    return this.#nodes.size + this.#removed.length + this.#undo.size > 0 || !this.hasCoinsOf(tip)
  }

  /** Are the coins of this tip those that were committed, or are being committed? */
  hasCoinsOf(tip: HeaderNode): boolean {
    return this.#coins.dirtyBytes === 0 && tip === this.#committedTip
  }

  changed(node: HeaderNode): void {
    // Genesis is not written: it is part of the program.
    if (node.parent !== undefined && !node.has(NodeFlag.removed)) this.#nodes.add(node)
  }

  /** It is not in the tree any more. */
  removed(node: HeaderNode): void {
    this.#nodes.delete(node)
    this.#removed.push(headerRowKey(node))
  }

  setUndo(node: HeaderNode, value: Uint8Array | undefined): void {
    const key = undoKey(node.hash)
    this.#undoBytes += (value?.length ?? 0) - (this.#undo.get(key)?.length ?? 0)
    this.#undo.set(key, value)
  }

  *undoOf(node: HeaderNode): Job<Uint8Array | undefined> {
    const key = undoKey(node.hash)
    for (const map of [this.#undo, this.#flying]) if (map?.has(key) === true) return map.get(key)
    const [value] = yield* getValues([key])
    return value
  }

  /** Writes everything as it is now; the tip must belong to the coins at this moment. */
  *commit(tip: HeaderNode): Job<void> {
    if (this.isCommitting) throw new Error('a commit is under way')
    this.#coins.takeOff()
    // Not spread into a call: there may be more of them than a call takes arguments.
    const others = this.#takeChanges(tip).concat(this.#index?.takeChanges(tip) ?? [])
    yield* commitChanges((yield* this.#coins.encodeFlying()).concat(others))
    yield* this.#coins.landed()
    this.#flying = undefined
  }

  /** Returns when no commit is under way. */
  *landed(): Job<void> {
    // The store answers a question after the commits that it was given before.
    while (this.isCommitting) yield* getValues([TIP_KEY])
  }

  #takeChanges(tip: HeaderNode): StoreChange[] {
    const changes: StoreChange[] = []
    // First, since what was false may have been replaced by what is right under the same key.
    for (const key of this.#removed) changes.push({ key, value: undefined })
    this.#removed = []
    for (const node of this.#nodes) changes.push({ key: headerRowKey(node), value: encodeHeaderRow(node) })
    for (const [key, value] of this.#undo) changes.push({ key, value })
    changes.push({ key: TIP_KEY, value: tip.hash })
    this.#nodes.clear()
    this.#flying = this.#undo
    this.#undo = new Map()
    this.#undoBytes = 0
    this.#committedTip = tip
    return changes
  }
}
