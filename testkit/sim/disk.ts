/**
 * A disk in the simulator: answers the same requests as a store, at once, and loses at a crash what a real one may
 * lose. Holds all rows and blocks in memory, and what it takes to undo the commits that would not survive.
 *
 * Whoever drives it calls `perform` in the order in which requests are given, as late as it likes before the answer;
 * what was not performed when the crash comes has not happened.
 */
import type { BlockPosition, IoResult, StoreChange, StoredBlock } from '../../src/chain/io.ts'
import type { FoundBlock, StoredPair, StoreRequest, StoreSize } from '../../src/storage/chain-store.ts'
import { MemoryDisk, type MemoryRecord, type ReplacedRecords } from '../../src/storage/memory-disk.ts'

export interface DiskConditions {
  /** A write that needs more is refused. */
  capacityBytes: number
  /** The chance that a block can't be read, each time. */
  unreadableChance: number
  /** The chance that a request fails as a whole. After a write that failed all further ones do, until a restart. */
  failureChance: number
  /** Time for any request, for one that has to last, and for each megabyte. */
  requestMs: number
  syncMs: number
  megabyteMs: number
}

const GOOD: DiskConditions = {
  capacityBytes: Number.POSITIVE_INFINITY,
  unreadableChance: 0,
  failureChance: 0,
  requestMs: 0.2,
  syncMs: 5,
  megabyteMs: 5,
}

/** Where chance comes from: a RandomSource, or Dice. */
export interface Chance {
  unit(): number
  below(bound: number): number
}

/** `kill`: the process is gone, the system goes on. `power`: the machine is gone, with what it had not written. */
export type CrashKind = 'kill' | 'power'

interface UnsyncedBlock {
  readonly position: BlockPosition
  readonly record: MemoryRecord
  readonly replaced: ReplacedRecords
}

/** What rows held before a commit. */
type Undo = readonly StoreChange[]

const DONE: IoResult = { ok: true, value: undefined }
const FULL: IoResult = { ok: false, error: 'no space left on the disk' }
const BROKEN: IoResult = { ok: false, error: 'the disk can neither read nor write there' }
const BYTES_PER_MB = 1_000_000

export class SimDisk {
  conditions: DiskConditions
  readonly #content = new MemoryDisk()
  readonly #random: Chance
  /** Commits that a power failure may take, the oldest first. */
  #unsyncedCommits: Undo[] = []
  #unsyncedBlocks: UnsyncedBlock[] = []
  #failure: IoResult | undefined
  /** A commit that failed, and that may be there nevertheless when the process starts again. */
  #doubtful: readonly StoreChange[] | undefined

  constructor(random: Chance, conditions: Partial<DiskConditions> = {}) {
    this.#random = random
    this.conditions = { ...GOOD, ...conditions }
  }

  perform(request: StoreRequest): IoResult {
    const isWrite = request.kind !== 'get' && request.kind !== 'read'
    if (isWrite && this.#failure !== undefined) return this.#failure
    const breaks = this.#happens(this.conditions.failureChance)
    const result = breaks ? BROKEN : this.#perform(request)
    if (isWrite && !result.ok) this.#failure = result
    if (breaks && request.kind === 'commit') this.#doubtful = request.changes
    return result
  }

  /** How long the answer takes. */
  delayMs(request: StoreRequest): number {
    const { requestMs, syncMs, megabyteMs } = this.conditions
    const sync = request.kind === 'commit' && request.sync ? syncMs : 0
    return requestMs + sync + (megabyteMs * bytesOf(request)) / BYTES_PER_MB
  }

  /** The process ends, however it does, and may be started again. */
  restart(): void {
    this.#failure = undefined
    if (this.#doubtful !== undefined && this.#happens(0.5)) this.#commit(this.#doubtful, false)
    this.#doubtful = undefined
  }

  /** What survives is a state that was: of the commits not synced the first few, of the blocks not synced anything. */
  crash(random: Chance, kind: CrashKind): void {
    this.restart()
    if (kind === 'kill') return
    const survivors = random.below(this.#unsyncedCommits.length + 1)
    for (const undo of this.#unsyncedCommits.slice(survivors).reverse()) this.#content.commit(undo)
    for (const block of this.#unsyncedBlocks.reverse()) this.#tear(block, random)
    this.#settle()
  }

  /** Changes a byte of a stored block, as a disk does that ages. False if there is none. */
  rot(random: Chance): boolean {
    const places = [...this.#content.files].flatMap(([file, { records }]) =>
      [...records].map(([offset, record]) => ({ file, offset, record })),
    )
    const place = places[random.below(places.length)]
    if (place === undefined || place.record.block.payload.length === 0) return false
    const { file, offset, record } = place
    const payload = record.block.payload.slice()
    const at = random.below(payload.length)
    payload[at] = (payload[at] ?? 0) ^ (1 << random.below(8))
    this.#content.files.get(file)?.records.set(offset, { ...record, block: { ...record.block, payload } })
    return true
  }

  /** What a start reads: all rows that begin with the prefix, by ascending keys. */
  load(prefix = ''): StoredPair[] {
    return this.#content.pairs(prefix)
  }

  /** What rebuilding the rows reads. */
  blocks(): Iterable<FoundBlock> {
    return this.#content.blocks()
  }

  size(): StoreSize {
    return this.#content.size()
  }

  #perform(request: StoreRequest): IoResult {
    switch (request.kind) {
      case 'append':
        return this.#append(request)
      case 'commit':
        return this.#commit(request.changes, request.sync)
      case 'read':
        return {
          ok: true,
          value: request.positions.map((position) => this.#readOne(position, request.verify)),
        }
      default:
        return this.#content.perform(request)
    }
  }

  #append({ position, hash, block }: Extract<StoreRequest, { kind: 'append' }>): IoResult {
    if (!this.#fits(block.payload.length)) return FULL
    const replaced = this.#content.append(position, hash, block)
    const record = this.#content.files.get(position.file)?.records.get(position.offset)
    if (record !== undefined) this.#unsyncedBlocks.push({ position, record, replaced })
    return DONE
  }

  #commit(changes: readonly StoreChange[], sync: boolean): IoResult {
    const { rows } = this.#content
    if (!this.#fits(changes.reduce((sum, { key, value }) => sum + key.length + (value?.length ?? 0), 0)))
      return FULL
    if (sync) this.#settle()
    // The same key twice in a commit is undone twice, in reverse.
    else this.#unsyncedCommits.push(changes.map(({ key }) => ({ key, value: rows.get(key) })).reverse())
    this.#content.commit(changes)
    return DONE
  }

  #readOne(position: BlockPosition, verify: boolean): StoredBlock | undefined {
    if (this.#happens(this.conditions.unreadableChance)) return undefined
    return this.#content.blockAt(position, verify)
  }

  /** All that was written survives from now on. */
  #settle(): void {
    this.#unsyncedCommits = []
    this.#unsyncedBlocks = []
  }

  /** Of a block on its way to the disk all may have come, a part, nothing, or what was there before is there still. */
  #tear({ position: { file, offset }, record, replaced }: UnsyncedBlock, random: Chance): void {
    const records = this.#content.files.get(file)?.records
    // It was written over since, or deleted with its file.
    if (records?.get(offset) !== record) return
    const fate = random.below(4)
    if (fate === 0) return
    records.delete(offset)
    const { payload } = record.block
    if (fate === 1) {
      const torn = payload.slice().fill(0, random.below(payload.length))
      records.set(offset, { ...record, block: { ...record.block, payload: torn } })
    }
    if (fate === 2) for (const [at, old] of replaced) records.set(at, old)
  }

  #fits(bytes: number): boolean {
    const { capacityBytes } = this.conditions
    if (capacityBytes === Number.POSITIVE_INFINITY) return true
    const { blockBytes, storeBytes } = this.size()
    return blockBytes + storeBytes + bytes <= capacityBytes
  }

  #happens(chance: number): boolean {
    return chance > 0 && this.#random.unit() < chance
  }
}

/** Of blocks; rows are small. */
function bytesOf(request: StoreRequest): number {
  if (request.kind === 'append') return request.position.length
  if (request.kind === 'read') return request.positions.reduce((sum, { length }) => sum + length, 0)
  return 0
}
