/** Stores under random requests: disk and memory answer alike, and a crash leaves a state that was. */
import { rmSync } from 'node:fs'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import type { BlockPosition, IoResult, StoreChange } from '../../src/chain/io.ts'
import { BLOCK_RECORD_OVERHEAD } from '../../src/chain/io.ts'
import type { ChainStore, StoreRequest } from '../../src/storage/chain-store.ts'
import { memoryChainStore } from '../../src/storage/memory-store.ts'
import { SimDisk } from '../../testkit/sim/disk.ts'
import { randomOfSeed } from '../../testkit/sim/world.ts'
import { appendOf, foundIn, pairsOf, StoreLab, sampleBlock } from '../../testkit/stores.ts'

const lab = new StoreLab()
afterAll(() => lab.close())

const key = fc.constantFrom('', 'a', 'ab', 'a\xff', 'a\xff\xff', 'b', '\xff', '\x00', 'h\x00\x01', 'h\x01')
const value = fc.option(fc.uint8Array({ maxLength: 40 }), { nil: undefined })
const change: fc.Arbitrary<StoreChange> = fc.record({ key, value })

const operation = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ what: fc.constant('append' as const), length: fc.nat(400), isOver: fc.boolean() }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      what: fc.constant('commit' as const),
      changes: fc.array(change, { maxLength: 6 }),
      sync: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ what: fc.constant('get' as const), keys: fc.array(key, { maxLength: 6 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      what: fc.constant('read' as const),
      which: fc.array(fc.nat(), { maxLength: 6 }),
      verify: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('nextFile' as const) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('delete' as const), file: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('list' as const), prefix: key }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('reopen' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ what: fc.constant('crash' as const), seed: fc.nat(), power: fc.boolean() }),
  },
)
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never

/** Turns operations into requests that a chain could make. */
class Asker {
  /** Every place that ever held a block. */
  readonly places: BlockPosition[] = []
  #file = 0
  #end = 0
  #lastStart = 0
  #blocks = 0

  requestOf(operation: Operation): StoreRequest | undefined {
    switch (operation.what) {
      case 'append': {
        const { length, isOver } = operation
        // Over the last block: as after a crash that took its row.
        if (isOver) this.#end = this.#lastStart
        const position = { file: this.#file, offset: this.#end, length }
        this.#lastStart = this.#end
        this.#end += BLOCK_RECORD_OVERHEAD + length
        this.places.push(position)
        return appendOf(position, sampleBlock(this.#blocks++, length))
      }
      case 'commit':
        return { kind: 'commit', changes: operation.changes, sync: operation.sync }
      case 'get':
        return { kind: 'get', keys: operation.keys }
      case 'read': {
        const positions = operation.which.flatMap((n) => this.places[n % this.places.length] ?? [])
        return { kind: 'read', positions, verify: operation.verify }
      }
      case 'nextFile':
        this.#startFile()
        return undefined
      case 'delete':
        if (operation.file === this.#file) this.#startFile()
        return { kind: 'deleteFiles', files: [operation.file] }
      default:
        return undefined
    }
  }

  #startFile(): void {
    this.#file++
    this.#end = 0
    this.#lastStart = 0
  }
}

const resultText = (result: IoResult): string => JSON.stringify(result)

describe('a store on a disk and one in memory', () => {
  it('answer alike, however the requests are cut into bursts', async () => {
    const runs = fc.array(fc.array(operation, { maxLength: 8 }), { maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(runs, async (bursts) => {
        const dir = lab.newDir()
        let disk = await lab.open(dir)
        const memory = memoryChainStore()
        const asker = new Asker()
        for (const burst of bursts) {
          const pending: Promise<void>[] = []
          for (const [i, operation] of burst.entries()) {
            // A chain never writes over a block that it could be reading.
            if (i > 0 && operation.what === 'append' && operation.isOver) continue
            const request = asker.requestOf(operation)
            if (request !== undefined) pending.push(expectSame(disk, memory, request))
            if (operation.what === 'list') pending.push(expectSameRows(disk, memory, operation.prefix))
          }
          await Promise.all(pending)
          if (burst.some(({ what }) => what === 'reopen')) {
            await disk.close()
            disk = await lab.open(dir)
          }
        }
        await expectSameRows(disk, memory, '')
        expect(await foundIn(disk)).toEqual(await foundIn(memory))
        await disk.close()
        rmSync(dir, { recursive: true, force: true })
      }),
      { numRuns: Number(process.env['OPS_RUNS'] ?? 60) },
    )
  })
})

async function expectSame(disk: ChainStore, memory: ChainStore, request: StoreRequest): Promise<void> {
  const results = await Promise.all([disk.perform(request), memory.perform(request)])
  expect(resultText(results[0])).toBe(resultText(results[1]))
}

async function expectSameRows(disk: ChainStore, memory: ChainStore, prefix: string): Promise<void> {
  const pairs = await Promise.all([pairsOf(disk, prefix), pairsOf(memory, prefix)])
  expect(pairs[0]).toEqual(pairs[1])
}

describe('the simulated disk', () => {
  it('has after any crash rows that it had, with the blocks that were synced before', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const disk = new SimDisk(randomOfSeed(1))
        const asker = new Asker()
        /** Rows after each commit since the one that must survive, and what must be readable with them. */
        let states = [rowsOf(disk)]
        let durable: StoreRequest[] = []
        let unsynced: StoreRequest[] = []
        for (const operation of operations) {
          const request = asker.requestOf(operation)
          if (request !== undefined) expect(disk.perform(request).ok).toBe(true)
          if (request?.kind === 'append') {
            durable = durable.filter((block) => !overlap(block, request))
            unsynced.push(request)
          } else if (request?.kind === 'deleteFiles') {
            const isLeft = (block: StoreRequest): boolean =>
              block.kind === 'append' && !request.files.includes(block.position.file)
            durable = durable.filter(isLeft)
            unsynced = unsynced.filter(isLeft)
          } else if (request?.kind === 'commit') {
            states = request.sync ? [rowsOf(disk)] : [...states, rowsOf(disk)]
            if (request.sync) durable.push(...current(unsynced.splice(0)))
          } else if (operation.what === 'crash') {
            disk.crash(randomOfSeed(operation.seed), operation.power ? 'power' : 'kill')
            const allowed = operation.power ? states : states.slice(-1)
            expect(allowed).toContain(rowsOf(disk))
            if (operation.power) {
              unsynced = []
              states = [rowsOf(disk)]
            } else for (const block of current(unsynced)) expectStored(disk, block)
          }
          for (const block of durable) expectStored(disk, block)
        }
      }),
      { numRuns: Number(process.env['OPS_RUNS'] ?? 300) },
    )
  })
})

function rowsOf(disk: SimDisk): string {
  return JSON.stringify(disk.load().map(([name, bytes]) => [name, [...bytes]]))
}

/** Without those that a later one was written over. */
function current(blocks: readonly StoreRequest[]): StoreRequest[] {
  return blocks.filter((block, i) => !blocks.slice(i + 1).some((later) => overlap(block, later)))
}

function overlap(a: StoreRequest, b: StoreRequest): boolean {
  if (a.kind !== 'append' || b.kind !== 'append' || a.position.file !== b.position.file) return false
  const [one, two] = [a.position, b.position]
  const end = (place: BlockPosition): number => place.offset + BLOCK_RECORD_OVERHEAD + place.length
  return one.offset < end(two) && two.offset < end(one)
}

function expectStored(disk: SimDisk, request: StoreRequest): void {
  if (request.kind !== 'append') return
  const result = disk.perform({ kind: 'read', positions: [request.position], verify: true })
  expect(resultText(result)).toBe(resultText({ ok: true, value: [request.block] }))
}
