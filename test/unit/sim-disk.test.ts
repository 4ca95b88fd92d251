/** The simulator's disk: what it does on request, and what is left of it after each kind of crash. */
import { describe, expect, it } from 'vitest'
import type { BlockPosition, IoResult } from '../../src/chain/io.ts'
import type { StoreRequest } from '../../src/storage/chain-store.ts'
import { type CrashKind, type DiskConditions, SimDisk } from '../../testkit/sim/disk.ts'
import { randomOfSeed } from '../../testkit/sim/world.ts'
import { appendOf, commitOf, placeAfter, sampleBlock } from '../../testkit/stores.ts'

const newDisk = (conditions: Partial<DiskConditions> = {}): SimDisk =>
  new SimDisk(randomOfSeed(1), conditions)
const P = placeAfter(undefined, 300)
const read = (...positions: BlockPosition[]): StoreRequest => ({ kind: 'read', positions, verify: true })
const DONE: IoResult = { ok: true, value: undefined }

/** The texts of all rows. */
const rows = (disk: SimDisk): Record<string, string> =>
  Object.fromEntries(disk.load().map(([key, value]) => [key, new TextDecoder().decode(value)]))

/** What the rows of a prepared disk can look like after a crash, over many seeds. */
function outcomes<T>(
  kind: CrashKind,
  prepare: (disk: SimDisk) => void,
  look: (disk: SimDisk) => T,
): Set<string> {
  const seen = new Set<string>()
  for (let seed = 0; seed < 200; seed++) {
    const disk = newDisk()
    prepare(disk)
    disk.crash(randomOfSeed(seed), kind)
    seen.add(JSON.stringify(look(disk)))
  }
  return seen
}

const threeCommits = (disk: SimDisk): void => {
  disk.perform(commitOf({ a: '1', b: '1' }))
  disk.perform(commitOf({ a: '2' }, true))
  disk.perform(commitOf({ a: '3', c: '3' }))
  disk.perform(commitOf({ a: undefined, b: '4' }))
}

describe('SimDisk', () => {
  it('answers like a store', () => {
    const disk = newDisk()
    const sample = sampleBlock(1)
    expect(disk.perform(appendOf(P, sample))).toEqual(DONE)
    expect(disk.perform(read(P, { ...P, file: 1 }))).toEqual({ ok: true, value: [sample.block, undefined] })
    expect(disk.perform(commitOf({ a: '1' }))).toEqual(DONE)
    expect(disk.perform({ kind: 'get', keys: ['a', 'b'] })).toEqual({
      ok: true,
      value: [Uint8Array.of(0x31), undefined],
    })
    expect([...disk.blocks()]).toEqual([{ position: P, ...sample }])
    expect(disk.perform({ kind: 'deleteFiles', files: [0] })).toEqual(DONE)
    expect(disk.perform(read(P))).toEqual({ ok: true, value: [undefined] })
  })

  it('keeps everything when the process is killed', () => {
    expect(outcomes('kill', threeCommits, rows)).toEqual(new Set(['{"b":"4","c":"3"}']))
  })

  it('loses the latest commits that were not synced when the power fails, and none in part', () => {
    expect(outcomes('power', threeCommits, rows)).toEqual(
      new Set(['{"a":"2","b":"1"}', '{"a":"3","b":"1","c":"3"}', '{"b":"4","c":"3"}']),
    )
  })

  it('undoes a commit that names a key twice', () => {
    const changes = [
      { key: 'a', value: Uint8Array.of(0x32) },
      { key: 'a', value: Uint8Array.of(0x33) },
    ]
    const seen = outcomes(
      'power',
      (disk) => {
        disk.perform(commitOf({ a: '1' }, true))
        disk.perform({ kind: 'commit', changes, sync: false })
      },
      rows,
    )
    expect(seen).toEqual(new Set(['{"a":"1"}', '{"a":"3"}']))
  })

  it('keeps blocks that a synced commit followed, and of others anything', () => {
    const [first, second] = [sampleBlock(1), sampleBlock(2)]
    const Q = placeAfter(P, 300)
    const blocks = (verify: boolean) => (disk: SimDisk) => {
      const result = disk.perform({ kind: 'read', positions: [P, Q], verify })
      const [one, two] = result.ok ? (result.value as ({ payload: Uint8Array } | undefined)[]) : []
      const isSame = (block: typeof one, sample: typeof first): string =>
        block === undefined
          ? 'none'
          : Buffer.compare(block.payload, sample.block.payload) === 0
            ? 'whole'
            : 'torn'
      return [isSame(one, first), isSame(two, second)]
    }
    const prepare = (disk: SimDisk): void => {
      disk.perform(appendOf(P, first))
      disk.perform(commitOf({ a: '1' }, true))
      disk.perform(appendOf(Q, second))
      disk.perform(commitOf({ a: '2' }))
    }
    expect(outcomes('power', prepare, blocks(true))).toEqual(
      new Set(['["whole","whole"]', '["whole","none"]']),
    )
    expect(outcomes('power', prepare, blocks(false))).toEqual(
      new Set(['["whole","whole"]', '["whole","none"]', '["whole","torn"]']),
    )
    expect(outcomes('kill', prepare, blocks(true))).toEqual(new Set(['["whole","whole"]']))
  })

  it('may find what was there before a block that is lost', () => {
    const seen = outcomes(
      'power',
      (disk) => {
        disk.perform(appendOf(P, sampleBlock(1)))
        disk.perform(commitOf({ a: '1' }, true))
        disk.perform(appendOf(P, sampleBlock(2)))
      },
      (disk) => [...disk.blocks()].map(({ hash }) => hash[0] === sampleBlock(1).hash[0]),
    )
    expect(seen).toEqual(new Set(['[true]', '[false]', '[]']))
  })

  it('is full at its capacity, and takes no writes then until the process starts again', () => {
    const disk = newDisk({ capacityBytes: 500 })
    const full = { ok: false, error: 'no space left on the disk' }
    expect(disk.perform(appendOf(P, sampleBlock(1)))).toEqual(DONE)
    expect(disk.perform(appendOf(placeAfter(P, 300), sampleBlock(2)))).toEqual(full)
    expect(disk.perform(commitOf({ a: '1' }))).toEqual(full)
    expect(disk.perform({ kind: 'deleteFiles', files: [0] })).toEqual(full)
    expect(disk.perform(read(P))).toMatchObject({ ok: true })
    disk.restart()
    expect(disk.perform(commitOf({ a: '1' }))).toEqual(DONE)
    expect(disk.perform(commitOf({ b: 'x'.repeat(200) }))).toEqual(full)
    expect(rows(disk)).toEqual({ a: '1' })
  })

  it('fails by chance, and does not know then whether a commit came through', () => {
    const seen = new Set<string>()
    for (let seed = 0; seed < 50; seed++) {
      const disk = new SimDisk(randomOfSeed(seed))
      disk.perform(commitOf({ a: '1' }, true))
      disk.conditions.failureChance = 1
      expect(disk.perform(commitOf({ a: '2' }, true)).ok).toBe(false)
      expect(disk.perform({ kind: 'get', keys: ['a'] }).ok).toBe(false)
      disk.conditions.failureChance = 0
      expect(disk.perform(commitOf({ a: '3' })).ok).toBe(false)
      expect(rows(disk)).toEqual({ a: '1' })
      disk.restart()
      seen.add(JSON.stringify(rows(disk)))
    }
    expect(seen).toEqual(new Set(['{"a":"1"}', '{"a":"2"}']))
  })

  it('has blocks that can not be read, and blocks that rot', () => {
    const disk = newDisk({ unreadableChance: 0.5 })
    disk.perform(appendOf(P, sampleBlock(1)))
    const results = Array.from({ length: 50 }, () => JSON.stringify(disk.perform(read(P))))
    expect(new Set(results).size).toBe(2)
    disk.conditions.unreadableChance = 0
    expect(disk.rot(randomOfSeed(3))).toBe(true)
    expect(disk.perform(read(P))).toEqual({ ok: true, value: [undefined] })
    expect([...disk.blocks()]).toEqual([])
    expect(newDisk().rot(randomOfSeed(3))).toBe(false)
  })

  it('takes its time', () => {
    const disk = newDisk({ requestMs: 1, syncMs: 10, megabyteMs: 100 })
    expect(disk.delayMs({ kind: 'get', keys: ['a'] })).toBe(1)
    expect(disk.delayMs(commitOf({}, true))).toBe(11)
    expect(disk.delayMs(commitOf({}))).toBe(1)
    expect(disk.delayMs(read({ file: 0, offset: 0, length: 500_000 }))).toBe(51)
  })

  it('is the same disk for the same seed', () => {
    const run = (): string => {
      const disk = new SimDisk(randomOfSeed(9), { failureChance: 0.1, unreadableChance: 0.2 })
      const seen: unknown[] = []
      let last: BlockPosition | undefined
      for (let i = 0; i < 100; i++) {
        last = placeAfter(last, 50)
        seen.push(disk.perform(appendOf(last, sampleBlock(i, 50))).ok)
        seen.push(disk.perform(commitOf({ [`k${i % 7}`]: `${i}` }, i % 5 === 0)).ok)
        seen.push(disk.perform(read(last)))
        if (i % 10 === 9) disk.crash(randomOfSeed(i), i % 20 === 9 ? 'kill' : 'power')
      }
      return JSON.stringify([seen, rows(disk), [...disk.blocks()].map(({ position }) => position)])
    }
    expect(run()).toBe(run())
  })
})
