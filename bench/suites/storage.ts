/**
 * The store of the chain in this process, beside the same work with nothing around it: one file, and LevelDB as it is.
 * Elapsed time, in turns within each round; what is read was just written, so it comes from the system's memory.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { BenchContext, Suite } from '../context.ts'
import { scratchDir } from '../processes.ts'
import { makeRow, type Row } from '../report.ts'
import { interleave } from '../stats.ts'
import { type Keeper, PlainKeeper, StoreKeeper } from './storage-keepers.ts'

interface Contest {
  readonly metric: string
  readonly unit: 'MB/s' | 'per s'
  /** How often the work is done, and what that is in the unit. */
  readonly times: number
  readonly amount: (times: number) => number
  readonly bareName: 'fs' | 'LevelDB'
  /** What serving blocks must reach, whatever the ratio. */
  readonly goal?: number
  readonly work: (keeper: Keeper, times: number) => Promise<void>
}

const BIG = 1_000_000
const SMALL = 2_048
const megabytes = (times: number): number => (times * BIG) / 1e6
const each = (times: number): number => times

const contests: readonly Contest[] = [
  {
    metric: 'append blocks of 1 MB',
    unit: 'MB/s',
    times: 64,
    amount: megabytes,
    bareName: 'fs',
    work: (keeper, times) => keeper.append(BIG, times, 1),
  },
  {
    metric: 'read blocks of 1 MB',
    unit: 'MB/s',
    goal: 400,
    times: 64,
    amount: megabytes,
    bareName: 'fs',
    work: (keeper, times) => keeper.read(BIG, times, 1),
  },
  {
    metric: 'append blocks of 2 KB, one by one',
    unit: 'per s',
    times: 2_000,
    amount: each,
    bareName: 'fs',
    work: (keeper, times) => keeper.append(SMALL, times, 1),
  },
  {
    metric: 'append blocks of 2 KB, 100 asked for at once',
    unit: 'per s',
    times: 2_000,
    amount: each,
    bareName: 'fs',
    work: (keeper, times) => keeper.append(SMALL, times, 100),
  },
  {
    metric: 'read blocks of 2 KB, one by one',
    unit: 'per s',
    times: 2_000,
    amount: each,
    bareName: 'fs',
    work: (keeper, times) => keeper.read(SMALL, times, 1),
  },
  {
    metric: 'read blocks of 2 KB, 100 asked for at once',
    unit: 'per s',
    goal: 25_000,
    times: 2_000,
    amount: each,
    bareName: 'fs',
    work: (keeper, times) => keeper.read(SMALL, times, 100),
  },
  {
    metric: 'commits of 8 rows',
    unit: 'per s',
    times: 2_000,
    amount: each,
    bareName: 'LevelDB',
    work: (keeper, times) => keeper.commit(times, false),
  },
  {
    metric: 'commits of 8 rows that last',
    unit: 'per s',
    times: 300,
    amount: each,
    bareName: 'LevelDB',
    work: (keeper, times) => keeper.commit(times, true),
  },
  {
    metric: 'get rows, 100 at once',
    unit: 'per s',
    times: 20_000,
    amount: each,
    bareName: 'LevelDB',
    work: (keeper, times) => keeper.get(times, 100),
  },
  {
    metric: 'get rows, 3 at once',
    unit: 'per s',
    times: 6_000,
    amount: each,
    bareName: 'LevelDB',
    work: (keeper, times) => keeper.get(times, 3),
  },
]

export const storageSuite: Suite = {
  name: 'storage',
  about: 'blocks and rows of the chain on a disk, beside plain files and plain LevelDB',
  async run(context) {
    const dir = mkdtempSync(join(scratchDir, 'storage-'))
    const keepers = [await StoreKeeper.open(join(dir, 'store')), await PlainKeeper.open(join(dir, 'plain'))]
    try {
      const rows: Row[] = []
      for (const contest of contests) rows.push(await hold(context, contest, keepers))
      return rows
    } finally {
      for (const keeper of keepers) await keeper.close()
      rmSync(dir, { recursive: true, force: true })
    }
  },
}

async function hold(
  { rounds, scale }: BenchContext,
  contest: Contest,
  keepers: readonly Keeper[],
): Promise<Row> {
  const { metric, unit, amount, bareName, work, goal } = contest
  const times = Math.ceil(contest.times * scale)
  for (const keeper of keepers) await work(keeper, times)
  const taken = await interleave(rounds, keepers, async (keeper) => {
    const startedAt = performance.now()
    await work(keeper, times)
    return (1_000 * amount(times)) / (performance.now() - startedAt)
  })
  const [values = [], bare = []] = [...taken.values()]
  return makeRow({
    suite: 'storage',
    metric,
    unit,
    subject: '',
    values,
    bare: { name: bareName, values: bare },
    goal: goal === undefined ? undefined : { text: `>= ${goal} ${unit}`, met: (value) => value >= goal },
  })
}
