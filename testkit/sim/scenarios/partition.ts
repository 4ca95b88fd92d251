/** A world that falls into two halves for half an hour, and must be one again soon after. */
import { Society } from './society.ts'

const APART_MS = 1_800_000

export function partition(seed: number, size: number): Society {
  const society = new Society({ seed, nodes: size })
  const { world, random } = society
  society.begin()
  society.converge()
  const half = society.running.filter(() => random.below(2) === 0)
  const rest = society.running.filter((node) => !half.includes(node))
  const hosts = [rest, half].map((nodes) => nodes.map(({ options }) => options.host))
  world.net.split(hosts, random.below(2) === 0 ? 'stall' : 'refuse')
  world.run(APART_MS)
  world.net.heal()
  society.converge()
  world.check()
  return society
}
