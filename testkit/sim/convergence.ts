/** How a world of nodes that find each other comes together: who has how many peers, and who can reach whom. */
import { isCrowdAddress } from './addresses.ts'
import type { SimNode } from './node.ts'
import type { World } from './world.ts'

export interface Sample {
  /** Milliseconds of virtual time. */
  readonly at: number
  readonly nodes: number
  /** Nodes with at least so many ready peers of their own choice. */
  readonly one: number
  readonly four: number
  readonly full: number
  /** Nodes in the largest set whose members reach each other over ready connections. */
  readonly largest: number
  readonly components: number
  /** Median number of addresses known. */
  readonly bookMedian: number
}

/** Ready peers that the node chose for itself, and keeps. */
export function chosenPeers(node: SimNode): number {
  let count = 0
  for (const { kind, state } of node.core?.peers.all() ?? [])
    if (state === 'ready' && (kind === 'automatic' || kind === 'blockRelay')) count++
  return count
}

/** Links between running nodes, by index into `nodes`: whose dial it was comes first. */
export function links(world: World, nodes: readonly SimNode[]): [number, number, string][] {
  const index = new Map(nodes.map((node, i) => [node, i]))
  const found: [number, number, string][] = []
  for (const [i, node] of nodes.entries()) {
    for (const { kind, state, remote, inbound } of node.core?.peers.all() ?? []) {
      if (inbound || state !== 'ready') continue
      const other = world.nodeOf(remote.ip)
      const j = other?.core === undefined ? undefined : index.get(other)
      if (j !== undefined) found.push([i, j, kind])
    }
  }
  return found
}

export function sample(world: World, wanted = 8): Sample {
  const nodes = world.nodes.filter(({ core }) => core !== undefined)
  const chosen = nodes.map(chosenPeers)
  const atLeast = (count: number): number => chosen.filter((have) => have >= count).length
  const sizes = componentSizes(world, nodes)
  const books = nodes.map(({ core }) => core?.addresses.size ?? 0).sort((a, b) => a - b)
  return {
    at: world.time.mono,
    nodes: nodes.length,
    one: atLeast(1),
    four: atLeast(4),
    full: atLeast(wanted),
    largest: Math.max(0, ...sizes),
    components: sizes.length,
    bookMedian: books[books.length >> 1] ?? 0,
  }
}

export function isConverged({ nodes, full, components }: Sample): boolean {
  return full === nodes && components === 1
}

/** Of the node's own choices, how many lead to a crowd of addresses in few networks. */
export function crowdPeers(node: SimNode): number {
  let count = 0
  for (const { kind, remoteText } of node.core?.peers.all() ?? [])
    if ((kind === 'automatic' || kind === 'blockRelay') && isCrowdAddress(remoteText)) count++
  return count
}

const OFTEN_MS = 10_000
const OFTEN_UNTIL_MS = 1_200_000
const SELDOM_MS = 300_000

/** Collects a sample every ten seconds in the beginning, later every five minutes. */
export class Convergence {
  readonly samples: Sample[] = []
  readonly #world: World

  constructor(world: World) {
    this.#world = world
    this.#later()
  }

  /** When all nodes first had all peers that they want, in ms. */
  get fullAt(): number | undefined {
    return this.samples.find(({ nodes, full }) => nodes === full)?.at
  }

  #later(): void {
    const { time } = this.#world
    time.after(time.mono < OFTEN_UNTIL_MS ? OFTEN_MS : SELDOM_MS, () => {
      this.samples.push(sample(this.#world))
      this.#later()
    })
  }
}

function componentSizes(world: World, nodes: readonly SimNode[]): number[] {
  const parent = nodes.map((_, i) => i)
  const root = (i: number): number => {
    let at = i
    while (parent[at] !== at) {
      const up = parent[at] ?? at
      parent[at] = parent[up] ?? up
      at = up
    }
    return at
  }
  for (const [i, j] of links(world, nodes)) parent[root(i)] = root(j)
  const sizes = new Map<number, number>()
  for (const i of nodes.keys()) sizes.set(root(i), (sizes.get(root(i)) ?? 0) + 1)
  return [...sizes.values()]
}
