/** Nodes that come and go: three of ten are killed, some for good, some to come back with what they had saved. */
import type { SimNode } from '../node.ts'
import { Society } from './society.ts'

const SHARE = 0.3
/** The killing goes on for so long. */
const CHURN_MS = 600_000
const REST_MS = 60_000

export function churn(seed: number, size: number): Society {
  const society = new Society({ seed, nodes: size })
  const { world } = society
  society.begin()
  society.converge()
  shake(society, CHURN_MS)
  world.run(CHURN_MS + REST_MS)
  society.converge()
  world.check()
  return society
}

/** Ends three of ten nodes at random moments within a time. A moment later there is somebody in the place of each. */
export function shake(society: Society, withinMs: number): void {
  const { world, random } = society
  const running = society.running
  for (let left = Math.floor(SHARE * running.length); left > 0; left--) {
    const [node] = running.splice(random.below(running.length), 1)
    if (node !== undefined) world.time.after(withinMs * random.unit(), () => replace(society, node))
  }
}

function replace(society: Society, node: SimNode): void {
  const { world, random } = society
  if (node.core === undefined) return
  const how = random.below(4)
  if (how === 0) node.stop()
  else if (how === 1) node.crash()
  else node.kill()
  // Every second comes back, the others are replaced by somebody new; a seed always comes back.
  const isBack = random.below(2) === 0 || world.nodes.indexOf(node) < 2
  world.time.after(REST_MS * random.unit(), () => {
    if (how === 1) world.net.powerOn(node.options.host)
    if (isBack) node.start()
    else society.prepare().start()
  })
}
