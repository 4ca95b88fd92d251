/** A world that falls into two halves for half an hour, and must be one again soon after. */
import { Society } from './society.ts'

const APART_MS = 1_800_000

export function partition(seed: number, size: number): Society {
  const society = new Society({ seed, nodes: size })
  const { world } = society
  society.begin()
  society.converge()
  split(society)
  world.run(APART_MS)
  world.net.heal()
  society.converge()
  world.check()
  return society
}

/** From now on half of the nodes, drawn one by one, can't reach the other half. */
export function split({ world, random, running }: Society): void {
  const half = new Set(running.filter(() => random.below(2) === 0))
  const rest = running.filter((node) => !half.has(node))
  const hosts = [rest, [...half]].map((nodes) => nodes.map(({ options }) => options.host))
  world.net.split(hosts, random.below(2) === 0 ? 'stall' : 'refuse')
}
