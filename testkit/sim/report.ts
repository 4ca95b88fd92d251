/** What a world of nodes that find each other came to, in numbers for people. */
import { type Convergence, sample } from './convergence.ts'
import { summarize } from './soak.ts'
import type { World } from './world.ts'

/** Counts refusals and bans from now on. */
export class Tally {
  bans = 0
  readonly refusals = new Map<string, number>()

  constructor(world: World) {
    world.observers.push((_, event) => {
      if (event.type === 'banned') this.bans++
      if (event.type === 'refused')
        this.refusals.set(event.reason, (this.refusals.get(event.reason) ?? 0) + 1)
    })
  }
}

export function describe(
  world: World,
  convergence: Convergence,
  tally?: Tally,
): Record<string, string | number> {
  const { nodes, full, largest, components, bookMedian } = sample(world)
  const ends = new Map<string, number>()
  for (const node of world.nodes)
    for (const [reason, count] of node.ends) ends.set(reason, (ends.get(reason) ?? 0) + count)
  const { fullAt } = convergence
  const { virtualHours, events, inputs, connections, handshakes, messages, offences, traceHash } =
    summarize(world)
  return {
    virtualHours: Number(virtualHours.toFixed(3)),
    nodes,
    allFullAfter: fullAt === undefined ? 'never' : `${fullAt / 1_000} s`,
    fullNow: full,
    components,
    largest,
    bookMedian,
    connections,
    handshakes,
    messages,
    events,
    inputs,
    ends: listed(ends),
    ...(tally === undefined ? {} : { refusals: listed(tally.refusals), bans: tally.bans }),
    offences,
    traceHash,
  }
}

function listed(counts: ReadonlyMap<string, number>): string {
  const rows = [...counts].sort(([, a], [, b]) => b - a).map(([name, count]) => `${name} ${count}`)
  return rows.length === 0 ? 'none' : rows.join(', ')
}
