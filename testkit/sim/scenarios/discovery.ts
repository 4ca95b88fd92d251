/** Nodes that know only two seeds: all have all their peers within ten simulated minutes. */
import { CONVERGED_WITHIN_MS, Society } from './society.ts'

export function discovery(seed: number, size: number): Society {
  const society = new Society({ seed, nodes: size })
  society.begin()
  society.converge(CONVERGED_WITHIN_MS - society.world.time.mono)
  society.world.check()
  return society
}
