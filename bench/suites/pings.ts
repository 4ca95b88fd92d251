/**
 * What work for others costs an honest peer: a node gets transactions and blocks that are much to verify, while a peer
 * pings it, and a node beside it to which nothing happens. The longest turn of the event loop is told in processor time,
 * which says what the node does by itself also where other programs take part of the machine.
 */
import type { BenchContext, Suite } from '../context.ts'
import { makePaymentChain, type PaymentChain } from '../payments.ts'
import { BenchPeer } from '../peer.ts'
import { Pinger, type Pings } from '../pinger.ts'
import { Server, type Subject, type ThreadTime } from '../processes.ts'
import { makeRow, type Row } from '../report.ts'
import { blockTrials, type Trial, transactionTrials } from '../trials.ts'

const PAYMENTS = 1_400
const FREE_COINS = 90_000
const GOAL_MS = 100
const CALM_MS = 2_000
const SETTLE_MS = 1_500

export const pingsSuite: Suite = {
  name: 'pings',
  about: "another peer's pings while much is to be verified, and who holds the event loop",
  async run(context) {
    const scaled = (count: number): number => Math.max(100, Math.round(count * context.scale))
    const { signatureWorker } = context
    const wishes = { payments: scaled(PAYMENTS), freeCoins: scaled(FREE_COINS), signatureWorker }
    const chain = await makePaymentChain(wishes)
    const rows: Row[] = []
    for (const node of context.nodes) {
      for (const trial of [...transactionTrials(chain, scaled), ...blockTrials(chain, scaled)])
        rows.push(...(await rowsOf(context, node, chain, trial)))
    }
    return rows
  },
}

interface Outcome {
  readonly busy: Pings
  readonly idle: Pings
  readonly longestTurnMs: number
  readonly mainMs: number
  /** The share of the time in which threads for signatures ran or waited for a processor. */
  readonly threadsBusy: number
  readonly seconds: number
}

async function rowsOf(
  context: BenchContext,
  node: Subject,
  chain: PaymentChain,
  trial: Trial,
): Promise<Row[]> {
  process.stderr.write(`  ${trial.name}\n`)
  const outcomes: Outcome[] = []
  for (let round = 0; round < context.rounds; round++) outcomes.push(await once(context, node, chain, trial))
  const row = (
    metric: string,
    unit: string,
    take: (outcome: Outcome) => number,
    more: Pick<Parameters<typeof makeRow>[0], 'bare' | 'goal'> = {},
  ): Row =>
    makeRow({
      suite: 'pings',
      metric: `${trial.name}: ${metric}`,
      unit,
      subject: node.name,
      values: outcomes.map(take),
      ...more,
    })
  const beside = (take: (pings: Pings) => number) => ({
    bare: { name: 'idle', values: outcomes.map(({ idle }) => take(idle)) },
  })
  const goal = { text: `<= ${GOAL_MS} ms`, met: (value: number) => value <= GOAL_MS }
  const { checks } = trial
  return [
    row(
      'ping p50',
      'ms',
      ({ busy }) => busy.p50Ms,
      beside(({ p50Ms }) => p50Ms),
    ),
    row(
      'ping p99',
      'ms',
      ({ busy }) => busy.p99Ms,
      beside(({ p99Ms }) => p99Ms),
    ),
    row('longest ping', 'ms', ({ busy }) => busy.maxMs, { ...beside(({ maxMs }) => maxMs), goal }),
    row('longest turn of the loop', 'ms', ({ longestTurnMs }) => longestTurnMs),
    row('time', 'ms', ({ seconds }) => 1_000 * seconds),
    row('processor time of the main thread', 'ms', ({ mainMs }) => mainMs),
    ...(checks === undefined
      ? []
      : [
          row('checks', 'per s', ({ seconds }) => checks / seconds),
          row('signature threads that were busy', '', ({ threadsBusy }) => threadsBusy),
        ]),
  ]
}

async function once(
  { pinger: program }: BenchContext,
  node: Subject,
  chain: PaymentChain,
  trial: Trial,
): Promise<Outcome> {
  const servers: Server[] = []
  const peers: BenchPeer[] = []
  let pinger: Pinger | undefined
  try {
    const start = async (): Promise<Server> => {
      const more = ['--txindex', '--connect=0']
      const server = await Server.start(node, { prepare: chain.install, watchLoop: true, more })
      servers.push(server)
      // So that there is a wallet that looks at each block.
      await server.rpc('getnewaddress')
      return server
    }
    const [busy, idle] = [await start(), await start()]
    // What is announced has to be made for somebody.
    const taker = await BenchPeer.join(busy.port, { wants: [{ type: 'sendheaders' }, COMPACT] })
    peers.push(taker)
    await trial.prepare?.(busy)
    pinger = new Pinger(program, [busy.port, idle.port])
    await pause(CALM_MS)
    await pinger.take()
    const before = busy.threads()
    const since = Date.now()
    const seconds = (await trial.run(busy)) / 1_000
    // What is done afterwards counts as well.
    await pause(SETTLE_MS)
    const [busyPings, idlePings] = await pinger.take()
    if (busyPings === undefined || idlePings === undefined) throw new Error('no pings')
    const spent = spentBetween(before, busy.threads())
    const longestTurnMs = Math.max(0, ...busy.longTurns(since).map(({ cpuMs }) => cpuMs))
    const [main, ...others] = spent
    const workers = others.map(({ ranMs, waitedMs }) => (ranMs + waitedMs) / (1_000 * seconds))
    return {
      busy: busyPings,
      idle: idlePings,
      longestTurnMs,
      mainMs: main?.ranMs ?? 0,
      threadsBusy: workers.filter((share) => share > 0.5).reduce((sum, share) => sum + share, 0),
      seconds,
    }
  } finally {
    pinger?.close()
    for (const peer of peers) peer.close()
    for (const server of servers) await server.stop()
  }
}

const COMPACT = { type: 'sendcmpct', announce: true, version: 1n } as const

/** The main thread first. */
function spentBetween(before: readonly ThreadTime[], after: readonly ThreadTime[]): ThreadTime[] {
  return after.map(({ id, ranMs, waitedMs }) => {
    const was = before.find((thread) => thread.id === id)
    return { id, ranMs: ranMs - (was?.ranMs ?? 0), waitedMs: waitedMs - (was?.waitedMs ?? 0) }
  })
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
