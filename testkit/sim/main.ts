/**
 * The simulator as a program. By itself: nodes that know two seeds and find each other, what that came to, and a
 * picture of it. With `--targets`: nodes that are told whom to connect to. With `--scenario`: one of the named worlds,
 * for one seed or many. With `--swarm`: so many small worlds with faults, up to the first that fails.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type NetworkParams, networks } from '../../src/params/networks.ts'
import { sample } from './convergence.ts'
import { draw } from './picture.ts'
import { describe, Tally } from './report.ts'
import { scenarios } from './scenarios/index.ts'
import { Society } from './scenarios/society.ts'
import { buildSoak, summarize } from './soak.ts'
import { runSwarm } from './swarm.ts'

const USAGE = `usage: npm run sim -- [--nodes 50] [--hours 24] [--seed 42] [--network mainnet] [--svg FILE]
       npm run sim -- --targets 2 [--nodes 50] [--hours 24] [--seed 42] [--network regtest]
       npm run sim -- --scenario ${Object.keys(scenarios).join('|')} [--seeds 1] [--seed 42] [--nodes 60] [--svg FILE]
       npm run sim -- --swarm 1000 [--seed 42]`

const HOUR_MS = 3_600_000
const STORY_LINES = 200

const DEFAULTS = {
  nodes: '',
  hours: '24',
  seed: '42',
  seeds: '1',
  targets: '0',
  network: '',
  swarm: '0',
  scenario: '',
  svg: '',
}
type Given = typeof DEFAULTS

interface Wishes {
  readonly nodes: number
  readonly hours: number
  readonly seed: number
  readonly seeds: number
  readonly targets: number
  readonly network: NetworkParams
  readonly svg: string
  readonly seconds: () => string
}

function main(): number {
  const given = readArguments()
  if (given === undefined) return usage()
  const wishes = readWishes(given)
  const swarm = whole(given.swarm)
  const scenario = scenarios[given.scenario]
  if (wishes === undefined || swarm === undefined) return usage()
  if (given.scenario !== '' && scenario === undefined) return usage()
  if (swarm > 0) return swarmFrom(wishes.seed, swarm, wishes.seconds)
  if (scenario !== undefined) return runScenario(given.scenario, wishes)
  return wishes.targets > 0 ? soak(wishes) : discover(wishes)
}

/** Nodes that find each other. */
function discover({ nodes, hours, seed, network, svg, seconds }: Wishes): number {
  const society = new Society({ seed, nodes, network, wishes: { hasDisk: false } })
  const tally = new Tally(society.world)
  for (let hour = 1; hour < hours; hour++) {
    society.world.run(HOUR_MS)
    const { full, components } = sample(society.world)
    process.stderr.write(`hour ${hour}: ${full} have all peers, components ${components}, ${seconds()} s\n`)
  }
  society.world.run(hours * HOUR_MS - society.world.time.mono)
  society.world.check()
  print({ ...describe(society.world, society.convergence, tally), wallSeconds: seconds() })
  picture(society, `${nodes} nodes that knew two seeds, ${hours} h, seed ${seed}`, svg || `sim-${seed}.svg`)
  return 0
}

/** Nodes that are told whom to connect to. */
function soak({ nodes, hours, seed, network, targets, seconds }: Wishes): number {
  const world = buildSoak({ nodes, seed, network, targetsPerNode: targets })
  world.run(hours * HOUR_MS)
  world.check()
  print({ ...summarize(world), wallSeconds: seconds() })
  return 0
}

/** One seed or many. All are run, whatever becomes of some; those that failed are named at the end. */
function runScenario(name: string, wishes: Wishes): number {
  const { seed, seeds, seconds } = wishes
  const failed: number[] = []
  for (let at = seed; at < seed + seeds; at++) {
    try {
      if (!runSeed(name, at, wishes)) return usage()
    } catch (error) {
      process.stderr.write(`seed ${at}: ${error instanceof Error ? error.message : String(error)}\n`)
      failed.push(at)
    }
  }
  print({ scenario: name, seeds, failed: failed.join(' ') || 'none', wallSeconds: seconds() })
  return failed.length === 0 ? 0 : 1
}

function runSeed(name: string, seed: number, { nodes, seeds, svg, seconds }: Wishes): boolean {
  const outcome = scenarios[name]?.(seed, nodes)
  if (outcome === undefined) return false
  const { society, rows } = outcome
  if (seeds === 1) print({ ...describe(society.world, society.convergence), ...rows })
  else process.stdout.write(`seed ${seed} ok ${JSON.stringify(rows)} ${seconds()} s\n`)
  if (svg !== '') picture(society, `${name}, ${nodes} nodes, seed ${seed}`, svg)
  return true
}

function picture({ world, convergence }: Society, title: string, file: string): void {
  writeFileSync(file, draw(world, convergence.samples, title))
  print({ picture: file })
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

function readArguments(): Given | undefined {
  try {
    const options = Object.fromEntries(
      Object.keys(DEFAULTS).map((name) => [name, { type: 'string' } as const]),
    )
    return { ...DEFAULTS, ...parseArgs({ options }).values }
  } catch {
    return undefined
  }
}

function readWishes(given: Given): Wishes | undefined {
  const startedAt = performance.now()
  const seconds = (): string => ((performance.now() - startedAt) / 1_000).toFixed(2)
  const targets = whole(given.targets)
  const named = given.network || (targets === 0 ? 'mainnet' : 'regtest')
  const network = Object.values(networks).find(({ name }) => name === named)
  const nodes = whole(given.nodes || (given.scenario === '' ? '50' : '60'))
  const seed = whole(given.seed)
  const seeds = whole(given.seeds)
  const hours = Number(given.hours)
  if (nodes === undefined || seed === undefined || seeds === undefined || targets === undefined)
    return undefined
  if (network === undefined || !(hours > 0) || nodes < 2) return undefined
  return { nodes, hours, seed, seeds, targets, network, svg: given.svg, seconds }
}

function whole(text: string): number | undefined {
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined
}

function usage(): number {
  process.stderr.write(`${USAGE}\n`)
  return 2
}

function print(rows: object): void {
  for (const [name, value] of Object.entries(rows)) process.stdout.write(`${name.padEnd(16)}${value}\n`)
}

process.exitCode = main()
