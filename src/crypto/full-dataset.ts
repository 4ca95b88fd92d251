/**
 * The full data set, wanted or not: filled in pieces between hashes, used once it is whole, given back when it is no
 * longer wanted. Where memory does not allow it, hashing stays light, and the operator is told.
 */
import { POW_DATASET_PIECE_ITEMS, POW_MEMORY_RESERVE_BYTES } from '../params/limits.ts'
import { errorText } from '../primitives/errors.ts'
import type { RandomXEngine } from './randomx-engine.ts'
import type { RandomXDataset } from './randomx-ffi.ts'
import type { Piece, PieceSource, Slots } from './slots.ts'

/** RANDOMX_DATASET_BASE_SIZE and RANDOMX_DATASET_EXTRA_SIZE of RandomX's configuration.h. */
const DATASET_BYTES = 2_147_483_648 + 33_554_368

export interface FullDatasetOptions {
  readonly engine: RandomXEngine
  readonly slots: Slots
  /** Of the slots, for filling. */
  readonly lane: number
  /** Memory that this process may still take, in bytes. */
  availableBytes(): number
  /** One line for the operator. */
  notice(line: string): void
}

export class FullDataset {
  readonly #options: FullDatasetOptions
  #isWanted = false
  #fill: DatasetFill | undefined
  #refusal: string | undefined
  /** The change that is under way. */
  #change: Promise<void> = Promise.resolve()

  constructor(options: FullDatasetOptions) {
    this.#options = options
  }

  set isWanted(wanted: boolean) {
    this.#isWanted = wanted
    this.#refusal = undefined
    this.adjust()
  }

  /** How hashes are made now, for people. */
  get mode(): string {
    if (this.#options.engine.isFull) return 'full'
    if (this.#fill !== undefined) return `full (building ${Math.floor(100 * this.#fill.share)} %)`
    return this.#refusal === undefined ? 'light' : `light (${this.#refusal})`
  }

  /** Takes the next step towards what is wanted, if any; also to be called when the engine has become ready. */
  adjust(): void {
    const { engine, slots } = this.#options
    if (!this.#isWanted) this.#fill?.giveUp()
    if (this.#fill !== undefined || engine.state !== 'ready' || this.#isWanted === engine.isFull) return
    if (this.#isWanted) this.#begin()
    else this.#change = slots.alone(() => this.#settle())
  }

  /** Resolves when nothing fills any more; the engine must still be open. */
  async close(): Promise<void> {
    this.isWanted = false
    await this.#change
  }

  #begin(): void {
    if (this.#refusal !== undefined) return
    const { engine, slots, lane, availableBytes } = this.#options
    if (availableBytes() < DATASET_BYTES + POW_MEMORY_RESERVE_BYTES) return this.#refuse()
    const dataset = engine.allocateDataset()
    if (dataset === undefined) return this.#refuse()
    this.#fill = new DatasetFill(dataset)
    this.#change = this.#complete(this.#fill, dataset)
    slots.add(lane, this.#fill)
  }

  async #complete(fill: DatasetFill, dataset: RandomXDataset): Promise<void> {
    const isFilled = await fill.finished.catch((error: unknown) => {
      this.#refuse(errorText(error))
      return false
    })
    if (isFilled) await this.#options.slots.alone(() => this.#options.engine.useDataset(dataset))
    else dataset.free()
    this.#fill = undefined
    this.adjust()
  }

  // What is wanted may have changed while the slots came to rest.
  #settle(): void {
    if (!this.#isWanted) this.#options.engine.dropDataset()
  }

  #refuse(reason?: string): void {
    const bytes = DATASET_BYTES + POW_MEMORY_RESERVE_BYTES
    this.#refusal = reason ?? `full needs ${(bytes / 1e9).toFixed(1)} GB of free memory`
    this.#options.notice(`RandomX stays light: ${this.#refusal}`)
  }
}

/** Fills a data set, many parts at once. */
class DatasetFill implements PieceSource {
  /** Once no part is being filled any more: is it whole? */
  readonly finished: Promise<boolean>
  readonly #dataset: RandomXDataset
  #next = 0
  #filled = 0
  #underWay = 0
  #isGivenUp = false
  #failure: { readonly error: unknown } | undefined
  #resolve: (isWhole: boolean) => void = () => undefined
  #reject: (error: unknown) => void = () => undefined

  constructor(dataset: RandomXDataset) {
    this.#dataset = dataset
    this.finished = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  /** 0 to 1. */
  get share(): number {
    return this.#filled / this.#dataset.itemCount
  }

  next(): Piece | undefined {
    const start = this.#next
    const count = Math.min(POW_DATASET_PIECE_ITEMS, this.#dataset.itemCount - start)
    if (this.#isGivenUp || count === 0) return undefined
    this.#next += count
    this.#underWay++
    return async () => {
      await this.#dataset.fill(start, count).catch((error: unknown) => {
        this.#isGivenUp = true
        this.#failure = { error }
      })
      this.#underWay--
      this.#filled += count
      this.#endIfDone()
    }
  }

  giveUp(): void {
    this.#isGivenUp = true
    this.#endIfDone()
  }

  #endIfDone(): void {
    if (this.#underWay > 0) return
    if (this.#failure !== undefined) this.#reject(this.#failure.error)
    else if (this.#isGivenUp || this.#next === this.#dataset.itemCount) this.#resolve(!this.#isGivenUp)
  }
}
