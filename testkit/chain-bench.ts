/**
 * A chain engine on a bench of its own: a disk in memory, answers given when the test says so or at once, time that
 * the test sets.
 */
import type { ChainHooks } from '../src/chain/chain.ts'
import { ChainEngine, type ChainOptions } from '../src/chain/engine.ts'
import type { IoRequest, IoResult, StoredBlock } from '../src/chain/io.ts'
import type { ChainOutcome } from '../src/chain/outcomes.ts'
import { HEADER_PREFIX, TIP_KEY } from '../src/chain/rows.ts'
import { TX_INDEX_KEYS } from '../src/chain/tx-index.ts'
import { monoMs, unixSeconds } from '../src/primitives/brand.ts'
import { toHex } from '../src/primitives/bytes.ts'
import { sha3_256 } from '../src/primitives/sha3.ts'
import { GOOD_SIGNATURE } from './chain-builder.ts'

/** What a disk holds, as far as an engine sees it. */
export class BenchDisk {
  readonly values = new Map<string, Uint8Array>()
  readonly blocks = new Map<string, StoredBlock>()
  /** Requests answered, by kind. */
  readonly count = new Map<IoRequest['kind'], number>()
  /** If set, requests are answered by this error. */
  error: string | undefined

  perform(request: IoRequest): IoResult {
    this.count.set(request.kind, (this.count.get(request.kind) ?? 0) + 1)
    if (this.error !== undefined) return { ok: false, error: this.error }
    return { ok: true, value: this.#answer(request) }
  }

  #answer(request: IoRequest): unknown {
    switch (request.kind) {
      case 'hash':
        return request.headers.map(sha3_256)
      case 'verify':
        return request.checks.map(({ signature }) => signature[0] === GOOD_SIGNATURE)
      case 'get':
        return request.keys.map((key) => this.values.get(key))
      case 'append':
        this.blocks.set(placeOf(request.position), request.block)
        return undefined
      case 'read':
        return request.positions.map((position) => this.blocks.get(placeOf(position)))
      case 'commit':
        for (const { key, value } of request.changes) {
          if (value === undefined) this.values.delete(key)
          else this.values.set(key, value)
        }
        return undefined
      case 'deleteFiles':
        for (const place of this.blocks.keys())
          if (request.files.some((file) => place.startsWith(`${file}:`))) this.blocks.delete(place)
        return undefined
      default:
        return undefined
    }
  }
}

function placeOf({ file, offset }: { file: number; offset: number }): string {
  return `${file}:${offset}`
}

export class ChainBench {
  readonly disk: BenchDisk
  readonly engine: ChainEngine
  readonly outcomes: ChainOutcome[] = []
  now = { mono: monoMs(0), unix: unixSeconds(1_800_000_000) }
  readonly #waiting: { request: IoRequest; done: (result: IoResult) => void }[] = []

  constructor(
    options: ChainOptions,
    disk = new BenchDisk(),
    connected?: ChainHooks['blockConnected'],
    disconnected?: ChainHooks['blockDisconnected'],
  ) {
    this.disk = disk
    const rows = [...disk.values]
      .filter(([key]) => key.startsWith(HEADER_PREFIX))
      .sort(([a], [b]) => (a < b ? -1 : 1))
    const txIndex = TX_INDEX_KEYS.map((key) => disk.values.get(key))
    const saved = rows.length === 0 ? undefined : { rows, tip: disk.values.get(TIP_KEY), txIndex }
    this.engine = new ChainEngine(
      { ...options, saved },
      {
        ask: (request, done) => this.#waiting.push({ request, done }),
        now: () => this.now,
        outcome: (outcome) => this.outcomes.push(outcome),
        ...(connected === undefined ? {} : { blockConnected: connected }),
        ...(disconnected === undefined ? {} : { blockDisconnected: disconnected }),
      },
    )
  }

  /** Requests that wait for an answer. */
  get waiting(): readonly IoRequest[] {
    return this.#waiting.map(({ request }) => request)
  }

  /** Answers the request that waits longest, or the one at `index`. */
  answer(index = 0): void {
    const [next] = this.#waiting.splice(index, 1)
    if (next === undefined) throw new Error('nothing waits')
    next.done(this.disk.perform(next.request))
  }

  /** Answers until nothing waits; commits what is due, at the latest in a second. */
  settle(): this {
    for (;;) {
      while (this.#waiting.length > 0) this.answer()
      if (this.engine.nextDeadline === Number.POSITIVE_INFINITY) return this
      this.now = { ...this.now, mono: monoMs(Math.max(this.now.mono, this.engine.nextDeadline)) }
      this.engine.due(this.now)
    }
  }

  /** Outcomes of one type since the last call of {@link forgetOutcomes}. */
  of<T extends ChainOutcome['type']>(type: T): Extract<ChainOutcome, { type: T }>[] {
    return this.outcomes.filter((o): o is Extract<ChainOutcome, { type: T }> => o.type === type)
  }

  forgetOutcomes(): void {
    this.outcomes.length = 0
  }

  /** Everything in the store that is not a header row, for comparisons. */
  coins(): Record<string, string> {
    const coins: Record<string, string> = {}
    for (const [key, value] of this.disk.values) if (key.startsWith('c')) coins[key] = toHex(value)
    return coins
  }
}
