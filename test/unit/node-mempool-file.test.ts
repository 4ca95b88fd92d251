/** When the file of what waits to be mined is read and written, and what becomes of one that can't be used. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { encodeDump } from '../../src/mempool/dump.ts'
import { knownTransaction } from '../../src/mempool/entry.ts'
import { Mempool } from '../../src/mempool/mempool.ts'
import { MEMPOOL_FILE, MempoolFile, type MempoolOwner } from '../../src/node/mempool-file.ts'
import {
  MEMPOOL_SAVE_BYTES_PER_SECOND,
  MEMPOOL_SAVE_LONGEST_MS,
  MEMPOOL_SAVE_MS,
} from '../../src/params/limits.ts'
import { regtest, testnet } from '../../src/params/networks.ts'
import { ChainBench } from '../../testkit/chain-bench.ts'
import { ChainBuilder, spend } from '../../testkit/chain-builder.ts'
import { eventually } from '../../testkit/changes.ts'
import { StandingClock } from '../../testkit/fake-pow.ts'

const VALUE = 5_000_000_000
const HEIGHT = 9
const blocks = new ChainBuilder(regtest.chain)
const payments = blocks
  .chain(blocks.genesis, 3)
  .flatMap(({ transactions }) => transactions.map((coinbase) => spend(coinbase, [0], [VALUE])))
  .map(knownTransaction)

let folder: string
let path: string
let warnings: string[]
let clock: StandingClock

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dilithion-mempool-file-'))
  path = join(folder, MEMPOOL_FILE)
  warnings = []
  clock = new StandingClock()
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** A pool that takes whatever it is given. */
class Owner implements MempoolOwner {
  readonly mempool: Mempool
  mempoolFile: MempoolOwner['mempoolFile']
  /** What was given to it, by number. */
  readonly given: number[] = []
  readonly file: MempoolFile
  restored: number | undefined
  readonly tipHeight = HEIGHT
  /** Heights that were waited for. */
  readonly heights: number[] = []
  whenAt: MempoolOwner['whenAt'] = async (height) => void this.heights.push(height)

  constructor() {
    const { engine, now } = new ChainBench({ params: regtest.chain })
    this.mempool = new Mempool(engine, { now: () => now, outcome: () => undefined })
    this.file = new MempoolFile({
      dataDir: folder,
      genesisHash: regtest.genesisHash,
      warn: (text) => warnings.push(text),
      restored: (count) => {
        this.restored = count
      },
      clock,
    })
  }

  add(number: number): void {
    const known = payments[number]
    if (known === undefined) throw new Error('no such payment')
    const facts = { fee: 1, time: 0, height: 0, validFrom: 0, isLocal: false }
    this.mempool.table.add(known, facts, new Set())
  }

  restoreTransaction: MempoolOwner['restoreTransaction'] = async ({ known }) => {
    this.given.push(payments.findIndex(({ key }) => key === known.key))
    const facts = { entry: undefined, fault: undefined, missing: [] }
    return { type: 'transaction', source: 'local', arrival: 'restored', known, verdict: 'accepted', ...facts }
  }

  async read(): Promise<void> {
    this.file.follow(this)
    await eventually(async () => (this.file.isLoaded && clock.timers > 0) || undefined, 'the file')
  }
}

/** Its bytes with the first so many payments. */
function fileOf(count: number, genesisHash = regtest.genesisHash): Buffer {
  const owner = new Owner()
  for (let i = 0; i < count; i++) owner.add(i)
  return Buffer.concat([...encodeDump({ genesis: genesisHash, height: HEIGHT }, owner.mempool.table.all())])
}

async function becomes(content: Uint8Array): Promise<void> {
  const wanted = Buffer.from(content)
  await eventually(async () => readNow()?.equals(wanted) || undefined, 'that file')
}

function readNow(): Buffer | undefined {
  return readdirSync(folder).includes(MEMPOOL_FILE) ? readFileSync(path) : undefined
}

describe('the file of what waits', () => {
  it('is known to be unread before anybody reads it', async () => {
    const owner = new Owner()
    owner.file.announce(owner)
    expect(owner.mempoolFile?.isLoaded).toBe(false)
    await owner.read()
    expect(owner.mempoolFile?.isLoaded).toBe(true)
  })

  it('is written soon after a change, and not without one', async () => {
    const owner = new Owner()
    await owner.read()
    owner.add(0)
    clock.advance(MEMPOOL_SAVE_MS)
    await becomes(fileOf(1))
    await eventually(async () => clock.timers || undefined, 'a rest')
    rmSync(path)
    clock.advance(MEMPOOL_SAVE_MS)
    await eventually(async () => clock.timers || undefined, 'a rest')
    expect(readNow()).toBeUndefined()
    owner.add(1)
    clock.advance(MEMPOOL_SAVE_MS)
    await becomes(fileOf(2))
    owner.add(2)
    await owner.file.close()
    expect(readNow()).toEqual(fileOf(3))
    expect(clock.timers).toBe(0)
  })

  it('rests the longer the more it had to write, and after it could not', async () => {
    const owner = new Owner()
    await owner.read()
    const { table } = owner.mempool
    const rests = async (bytes: number, ms: number): Promise<void> => {
      Object.defineProperty(table, 'bytes', { value: bytes, configurable: true })
      owner.add(0)
      await owner.file.save()
      const [entry] = table.all()
      if (entry !== undefined) table.remove(entry)
      // The rest that was under way.
      clock.advance(MEMPOOL_SAVE_LONGEST_MS)
      await becomes(fileOf(0))
      await eventually(async () => clock.timers || undefined, 'a rest')
      owner.add(0)
      clock.advance(ms - 1)
      expect(readNow()).toEqual(fileOf(0))
      clock.advance(1)
      await becomes(fileOf(1))
      for (const left of [...table.all()]) table.remove(left)
      await eventually(async () => clock.timers || undefined, 'a rest')
    }
    await rests(0, MEMPOOL_SAVE_MS)
    await rests(60 * MEMPOOL_SAVE_BYTES_PER_SECOND, 60_000)
    await rests(1e12, MEMPOOL_SAVE_LONGEST_MS)
    Object.defineProperty(table, 'bytes', { value: 0, configurable: true })
    await owner.file.save()
    mkdirSync(`${path}.new`)
    owner.add(1)
    clock.advance(MEMPOOL_SAVE_LONGEST_MS)
    await eventually(async () => clock.timers || undefined, 'a rest')
    expect(warnings).toEqual([expect.stringMatching(/^Can't save transactions in /)])
    clock.advance(MEMPOOL_SAVE_LONGEST_MS - 1)
    expect(clock.timers).toBe(1)
    await owner.file.close()
  })

  it('is read when the chain is there, and left as it is if the node ends before', async () => {
    writeFileSync(path, fileOf(3))
    const ended = new Owner()
    // The chain never comes to where it was.
    let isWaiting = false
    ended.whenAt = (_, signal) => {
      isWaiting = true
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve()))
    }
    ended.file.follow(ended)
    ended.add(0)
    await eventually(async () => isWaiting || undefined, 'the head of the file')
    await ended.file.close()
    expect(ended.given).toEqual([])
    expect(readNow()).toEqual(fileOf(3))

    const owner = new Owner()
    await owner.read()
    expect(owner.given).toEqual([0, 1, 2])
    expect(owner.restored).toBe(3)
    expect(owner.heights).toEqual([HEIGHT])
    await owner.file.close()
  })

  it('is left as it is if the disk fails while it is read', async () => {
    writeFileSync(path, fileOf(3))
    for (const [answers, isConnected] of [
      [1, true],
      [0, false],
    ] as const) {
      const owner = new Owner()
      if (!isConnected) owner.whenAt = () => Promise.reject(new Error('the chain stands still'))
      const { restoreTransaction } = owner
      owner.restoreTransaction = async (dumped) => {
        if (owner.given.length >= answers) throw new Error('the chain stands still')
        return await restoreTransaction(dumped)
      }
      owner.file.follow(owner)
      await owner.file.close()
      expect(owner.file.isLoaded).toBe(false)
      expect(readNow()).toEqual(fileOf(3))
    }
    expect(warnings).toEqual([])
  })

  it.each<[string, () => Uint8Array, RegExp]>([
    [
      'cut off',
      () => fileOf(2).subarray(0, 5_000),
      /is damaged: .*\.damaged-\d+; what could be read of it was/,
    ],
    ['without its end', () => fileOf(2).subarray(0, -3), /is damaged: .*\.damaged-/],
    ['empty', () => new Uint8Array(), /is damaged: .*\.damaged-/],
    ['of another network', () => fileOf(2, testnet.genesisHash), /is of another network: .*\.other-network-/],
    ['newer', () => Buffer.from('DILTXP99 and more'), /was written by another version .*\.other-version-/],
  ])('is set aside with one warning if it is %s', async (_, content, warning) => {
    writeFileSync(path, content())
    const owner = new Owner()
    await owner.read()
    expect(warnings).toEqual([expect.stringMatching(warning)])
    const [aside = ''] = readdirSync(folder)
    expect(readFileSync(join(folder, aside))).toEqual(Buffer.from(content()))
    owner.add(1)
    await owner.file.close()
    expect(readdirSync(folder)).toHaveLength(2)
    expect(warnings).toHaveLength(1)
  })

  it('is set aside if it is no file at all', async () => {
    mkdirSync(path)
    const owner = new Owner()
    await owner.read()
    expect(warnings).toEqual([expect.stringMatching(/can't be read .*: it was set aside as .*\.unreadable-/)])
    await owner.file.close()
    expect(readNow()).toEqual(fileOf(0))
  })
})
