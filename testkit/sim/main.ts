/** The simulator as a program: a soak of many nodes, and what it came to. */
import { parseArgs } from 'node:util'
import { networks } from '../../src/params/networks.ts'
import { buildSoak, type Summary, summarize } from './soak.ts'

const USAGE = `usage: npm run sim -- [--nodes 50] [--hours 24] [--seed 42] [--targets 3] [--network regtest]`

function main(): number {
  const { values } = parseArgs({
    options: {
      nodes: { type: 'string', default: '50' },
      hours: { type: 'string', default: '24' },
      seed: { type: 'string', default: '42' },
      targets: { type: 'string', default: '3' },
      network: { type: 'string', default: 'regtest' },
    },
  })
  const [nodes, hours, seed, targetsPerNode] = [values.nodes, values.hours, values.seed, values.targets].map(
    Number,
  )
  const network = Object.values(networks).find(({ name }) => name === values.network)
  if (nodes === undefined || hours === undefined || seed === undefined || targetsPerNode === undefined)
    return 2
  if (network === undefined || !(nodes >= 1 && hours > 0 && targetsPerNode >= 0) || !Number.isInteger(seed)) {
    process.stderr.write(`${USAGE}\n`)
    return 2
  }
  const startedAt = performance.now()
  const world = buildSoak({ nodes, seed, network, targetsPerNode })
  world.run(hours * 3_600_000)
  world.check()
  print(summarize(world), performance.now() - startedAt)
  return 0
}

function print(summary: Summary, wallMs: number): void {
  const rows = { ...summary, wallSeconds: (wallMs / 1_000).toFixed(2) }
  for (const [name, value] of Object.entries(rows)) process.stdout.write(`${name.padEnd(14)}${value}\n`)
}

process.exitCode = main()
