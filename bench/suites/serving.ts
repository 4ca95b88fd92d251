/** Headers and blocks served from a chain on the disk, and what a peer costs that asks for blocks and never reads. */
import { FRAME_HEADER_BYTES } from '../../src/framing/encoder.ts'
import { regtest } from '../../src/params/networks.ts'
import { HEADER_ENTRY_BYTES, MAX_HEADERS } from '../../src/wire/header.ts'
import { Inventory, InvType } from '../../src/wire/inventory.ts'
import { type BenchChain, type ChainBlock, makeChain } from '../chains.ts'
import { type BenchContext, probeGreeting, type Suite } from '../context.ts'
import { frameOf } from '../frames.ts'
import { type LoadResult, runLoad, Server, type Subject } from '../processes.ts'
import { makeRow, type Row } from '../report.ts'
import { interleave } from '../stats.ts'
import { growthOf } from './fairness.ts'

/** Two answers of headers, and some more. */
const SMALL_BLOCKS = 4_100
const LARGE_BLOCKS = 24
/** Of ten kilobytes each. */
const LARGE_OUTPUTS = 98
/** As many as other nodes ask for at once. */
const BLOCKS_PER_QUESTION = 32
const LARGE_PER_QUESTION = 4
/** Questions under way at once. */
const WINDOW = 4

interface Question {
  readonly metric: string
  readonly unit: string
  readonly frame: Uint8Array
  readonly replyBytes: number
  readonly count: number
  /** What one answer counts for. */
  readonly worth: number
  readonly goal: number
}

export const servingSuite: Suite = {
  name: 'serving',
  about: 'headers and blocks served to one peer, and memory with one that asks and never reads',
  async run(context) {
    const small = await makeChain(SMALL_BLOCKS)
    const large = await makeChain(LARGE_BLOCKS, { dataOutputs: LARGE_OUTPUTS })
    return [
      ...(await measure(context, small, headersQuestion(context))),
      ...(await measure(context, small, smallQuestion(context, small))),
      ...(await measure(context, large, largeQuestion(context, large))),
      ...(await deafRows(context, large)),
    ]
  },
}

function headersQuestion({ scale }: BenchContext): Question {
  return {
    metric: 'headers, 2,000 per answer',
    unit: 'headers/s',
    frame: frameOf({ type: 'getheaders', locator: [regtest.genesisHash], stop: new Uint8Array(32) }),
    replyBytes: FRAME_HEADER_BYTES + 3 + MAX_HEADERS * HEADER_ENTRY_BYTES,
    count: Math.round(2_000 * scale),
    worth: MAX_HEADERS,
    goal: 4_000_000,
  }
}

function smallQuestion({ scale }: BenchContext, { blocks }: BenchChain): Question {
  const asked = blocks.slice(0, BLOCKS_PER_QUESTION)
  return {
    metric: 'small blocks, 32 per question',
    unit: 'blocks/s',
    ...questionFor(asked),
    count: Math.round(4_000 * scale),
    worth: asked.length,
    goal: 25_000,
  }
}

function largeQuestion({ scale }: BenchContext, { blocks }: BenchChain): Question {
  const asked = blocks.slice(0, LARGE_PER_QUESTION)
  const { frame, replyBytes } = questionFor(asked)
  const count = Math.round(200 * scale)
  return {
    metric: '1 MB blocks',
    unit: 'MB/s',
    frame,
    replyBytes,
    count,
    worth: replyBytes / 1e6,
    goal: 400,
  }
}

function questionFor(blocks: readonly ChainBlock[]): Pick<Question, 'frame' | 'replyBytes'> {
  const inventory = Inventory.of(blocks.map(({ hash }) => ({ type: InvType.block, hash })))
  const replyBytes = blocks.reduce((sum, { bytes }) => sum + FRAME_HEADER_BYTES + bytes, 0)
  return { frame: frameOf({ type: 'getdata', inventory }), replyBytes }
}

async function measure(context: BenchContext, chain: BenchChain, question: Question): Promise<Row[]> {
  const load = context.load(question.frame)
  const run = async (subject: Subject): Promise<LoadResult> => {
    const server = await Server.start(subject, { prepare: chain.install })
    try {
      const greeting = await probeGreeting(server)
      const numbers = [question.replyBytes, WINDOW] as const
      // Once unmeasured, so that nobody is measured cold.
      await runLoad(load, 'ask', server, greeting, Math.ceil(question.count / 4), ...numbers)
      return await runLoad(load, 'ask', server, greeting, question.count, ...numbers)
    } finally {
      await server.stop()
    }
  }
  const results = await interleave(context.rounds, context.nodes, run)
  return context.nodes.flatMap((node) => {
    const { metric, unit, worth, goal } = question
    const values = results.get(node) ?? []
    const about = { suite: 'serving', subject: node.name }
    return [
      makeRow({
        ...about,
        metric,
        unit,
        values: values.map(({ perSecond = Number.NaN }) => perSecond * worth),
        goal: { text: `>= ${goal.toLocaleString('en-US')}`, met: (value) => value >= goal },
      }),
      makeRow({
        ...about,
        metric: `${metric}, processor time per answer`,
        unit: 'µs',
        values: values.map(({ cpuUs = Number.NaN }) => cpuUs / question.count),
      }),
    ]
  })
}

async function deafRows(context: BenchContext, { blocks, install }: BenchChain): Promise<Row[]> {
  const { frame, replyBytes } = questionFor(blocks.slice(0, LARGE_PER_QUESTION))
  const load = context.load(frame)
  const results = await interleave(context.rounds, context.nodes, (subject) =>
    growthOf(subject, load, { prepare: install }, (server, greeting) =>
      runLoad(load, 'ask', server, greeting, 20, replyBytes, WINDOW),
    ),
  )
  return context.nodes.map((node) =>
    makeRow({
      suite: 'serving',
      metric: 'memory with a peer that asks for 1 MB blocks and never reads',
      unit: 'MB',
      subject: node.name,
      values: results.get(node) ?? [],
      goal: { text: '<= 10 MB', met: (value) => value <= 10 },
    }),
  )
}
