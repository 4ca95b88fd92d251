/**
 * The simulator as a program. By itself: many nodes that stay together, and what that came to. With `--swarm`:
 * so many small worlds with faults, from the seed on; it ends at the first that fails and tells its story.
 */
import { parseArgs } from 'node:util'
import { networks } from '../../src/params/networks.ts'
import { buildSoak, summarize } from './soak.ts'
import { runSwarm } from './swarm.ts'

const USAGE = `usage: npm run sim -- [--nodes 50] [--hours 24] [--seed 42] [--targets 2] [--network regtest]
       npm run sim -- --swarm 1000 [--seed 42]`

const HOUR_MS = 3_600_000
const STORY_LINES = 200

const DEFAULTS = { nodes: '50', hours: '24', seed: '42', targets: '2', network: 'regtest', swarm: '0' }

function main(): number {
  const given = readArguments()
  const network = Object.values(networks).find(({ name }) => name === given?.network)
  if (given === undefined || network === undefined) return usage()
  const nodes = whole(given.nodes)
  const hours = Number(given.hours)
  const seed = whole(given.seed)
  const targetsPerNode = whole(given.targets)
  const swarm = whole(given.swarm)
  if (nodes === undefined || seed === undefined || targetsPerNode === undefined || swarm === undefined)
    return usage()
  if (!(hours > 0)) return usage()
  const startedAt = performance.now()
  const seconds = (): string => ((performance.now() - startedAt) / 1_000).toFixed(2)
  if (swarm > 0) return swarmFrom(seed, swarm, seconds)
  const world = buildSoak({ nodes, seed, network, targetsPerNode })
  world.run(hours * HOUR_MS)
  world.check()
  print({ ...summarize(world), wallSeconds: seconds() })
  return 0
}

function swarmFrom(first: number, count: number, seconds: () => string): number {
  let [messages, disconnects] = [0, 0]
  for (let seed = first; seed < first + count; seed++) {
    try {
      const result = runSwarm(seed)
      messages += result.messages
      disconnects += result.disconnects
    } catch {
      return tell(seed)
    }
  }
  print({ seeds: count, messages, disconnects, wallSeconds: seconds() })
  return 0
}

/** Runs a failing seed once more, with its trace. */
function tell(seed: number): number {
  try {
    runSwarm(seed, { tailLines: STORY_LINES })
  } catch (error) {
    process.stderr.write(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}\n`)
  }
  return 1
}

function readArguments(): typeof DEFAULTS | undefined {
  try {
    const options = Object.fromEntries(
      Object.keys(DEFAULTS).map((name) => [name, { type: 'string' } as const]),
    )
    return { ...DEFAULTS, ...parseArgs({ options }).values }
  } catch {
    return undefined
  }
}

function whole(text: string): number | undefined {
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined
}

function usage(): number {
  process.stderr.write(`${USAGE}\n`)
  return 2
}

function print(rows: object): void {
  for (const [name, value] of Object.entries(rows)) process.stdout.write(`${name.padEnd(14)}${value}\n`)
}

process.exitCode = main()
