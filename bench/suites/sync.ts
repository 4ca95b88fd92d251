/** A chain fetched from another process. */
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type ChainBackend, openChain } from '../../src/node/chain-backend.ts'
import { DilithionNode } from '../../src/node/node.ts'
import { regtest } from '../../src/params/networks.ts'
import { makeChain } from '../chains.ts'
import type { BenchContext, Suite } from '../context.ts'
import { Server, scratchDir } from '../processes.ts'
import { makeRow, type Row } from '../report.ts'

const SHORT = 2_000
const LONG = 20_000
const TIMEOUT_MS = 300_000

export const syncSuite: Suite = {
  name: 'sync',
  about: 'initial download from another process',
  async run(context) {
    const rows: Row[] = []
    for (const count of [SHORT, Math.max(SHORT * 2, Math.round(LONG * context.scale))])
      rows.push(...(await download(context, count)))
    return rows
  },
}

async function download({ nodes, rounds }: BenchContext, count: number): Promise<Row[]> {
  const chain = await makeChain(count)
  const rows: Row[] = []
  for (const subject of nodes) {
    const server = await Server.start(subject, { prepare: (dataDir) => chain.install(dataDir) })
    const rates: number[] = []
    const peaks: number[] = []
    try {
      // The longer chain is fetched less often: it says the same for more of the time.
      for (let round = 0; round < Math.max(1, Math.round((rounds * SHORT) / count)); round++) {
        const { seconds, peakBytes } = await fetchFrom(server.port, count)
        rates.push(count / seconds)
        peaks.push(peakBytes / 1e6)
      }
    } finally {
      await server.stop()
    }
    const common = { suite: 'sync', subject: subject.name }
    rows.push(
      makeRow({
        ...common,
        metric: `initial download of ${count} small blocks`,
        unit: 'blocks/s',
        values: rates,
      }),
    )
    rows.push(makeRow({ ...common, metric: `growth of memory meanwhile`, unit: 'MB', values: peaks }))
  }
  return rows
}

async function fetchFrom(port: number, count: number): Promise<{ seconds: number; peakBytes: number }> {
  const dir = mkdtempSync(join(scratchDir, 'sync-'))
  const running = await start(join(dir, 'chain'), [port])
  const before = process.memoryUsage().rss
  let peak = before
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss)
  }, 50)
  const startedAt = performance.now()
  try {
    const tip = await running.node.chain?.waitForTip(({ height }) => height >= count, TIMEOUT_MS)
    if (tip?.height !== count) throw new Error(`only ${tip?.height} of ${count} blocks came`)
    return { seconds: (performance.now() - startedAt) / 1_000, peakBytes: peak - before }
  } finally {
    clearInterval(watch)
    await running.stop()
    rmSync(dir, { recursive: true, force: true })
  }
}

interface Running {
  readonly node: DilithionNode
  stop(): Promise<void>
}

async function start(dir: string | undefined, ports: readonly number[]): Promise<Running> {
  const backend: ChainBackend = await openChain({ network: regtest, dir })
  const node = new DilithionNode({
    network: regtest,
    chain: backend,
    targets: ports.map((port) => ({ host: '127.0.0.1', port })),
  })
  await node.start()
  const stop = async (): Promise<void> => {
    await node.stop()
    await backend.close()
  }
  return { node, stop }
}
