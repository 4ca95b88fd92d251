/**
 * Framing and codec in this process: a frame's bytes to a message (checksum verified), and a message to a frame,
 * beside the double SHA3-256 of the same payload alone. A quotient near 1 means that the hash is all there is.
 * Times are processor time of all threads (garbage collection included), so that other programs don't count.
 */
import { FrameDecoder } from '../../src/framing/decoder.ts'
import { FRAME_HEADER_BYTES, FrameEncoder } from '../../src/framing/encoder.ts'
import { regtest } from '../../src/params/networks.ts'
import { messageChecksum } from '../../src/primitives/sha3.ts'
import { decodeBlockTransactions } from '../../src/wire/block.ts'
import { decodePayload, type Message } from '../../src/wire/messages.ts'
import type { BenchContext, Suite } from '../context.ts'
import {
  addrMessage,
  blockMessage,
  frameOf,
  headersMessage,
  invMessage,
  pingMessage,
  repeated,
  txMessage,
  versionMessage,
} from '../frames.ts'
import { makeRow, type Row } from '../report.ts'

const WINDOW_MS = 200
const SLICES = 5
/** As much as a socket gives in one piece when small messages come in a stream. */
const CHUNK_BYTES = 4_096

interface Sample {
  readonly name: string
  readonly message: Message
  /** Looks at everything in the message, where decoding leaves that to the reader. */
  readonly walk?: (message: Message) => number
  readonly mbPerSecond?: number
}

const samples: readonly Sample[] = [
  { name: 'ping', message: pingMessage() },
  { name: 'version', message: versionMessage() },
  { name: 'inv of 1,000', message: invMessage(), walk: walkInventory },
  { name: 'addr of 1,000', message: addrMessage() },
  { name: 'tx of 5 kB', message: txMessage() },
  { name: '2,000 headers', message: headersMessage(), walk: walkHeaders, mbPerSecond: 400 },
  { name: '1 MB block', message: blockMessage(), walk: walkBlock, mbPerSecond: 400 },
]

export const codecSuite: Suite = {
  name: 'codec',
  about: 'decode and encode each kind of message, beside its checksum alone',
  run: async (context) => samples.flatMap((sample) => measureSample(context, sample)),
}

function measureSample(context: BenchContext, sample: Sample): Row[] {
  const frame = frameOf(sample.message)
  const payload = frame.subarray(FRAME_HEADER_BYTES)
  const works: Record<string, () => number> = {
    hash: () => messageChecksum(payload),
    decode: decodeWork(frame),
    encode: encodeWork(sample.message),
    ...(sample.walk === undefined ? {} : { 'decode, all read': decodeWork(frame, sample.walk) }),
  }
  const times = timeInTurns(context, works)
  const hash = times.get('hash') ?? []
  const rows: Row[] = []
  for (const [name, nsPerMessage] of times) {
    const about = { suite: 'codec', metric: `${sample.name}, ${name}`, subject: '', nsPerMessage }
    rows.push(...rowsOf(about, frame.length, name === 'hash' ? undefined : hash, sample, name === 'decode'))
  }
  return rows
}

interface About {
  readonly suite: string
  readonly metric: string
  readonly subject: string
  readonly nsPerMessage: readonly number[]
}

function rowsOf(
  { nsPerMessage, ...about }: About,
  bytes: number,
  hashNs: readonly number[] | undefined,
  sample: Sample,
  hasGoal: boolean,
): Row[] {
  const isSmall = bytes < 1_000
  const perSecond = (ns: number): number => (isSmall ? 1e9 / ns : (bytes * 1_000) / ns)
  const wanted = sample.mbPerSecond
  const goal =
    !hasGoal || wanted === undefined
      ? undefined
      : {
          text: `>= ${wanted} MB/s or >= 0.9`,
          met: (v: number, ratio: number) => v >= wanted || ratio >= 0.9,
        }
  return [
    makeRow({
      ...about,
      unit: isSmall ? 'messages/s' : 'MB/s',
      values: nsPerMessage.map(perSecond),
      bare: hashNs === undefined ? undefined : { name: 'SHA3', values: hashNs.map(perSecond) },
      goal,
    }),
  ]
}

function decodeWork(frame: Uint8Array, walk?: (message: Message) => number): () => number {
  const chunk = frame.length > CHUNK_BYTES ? frame : repeated(frame, CHUNK_BYTES)
  const frames = chunk.length / frame.length
  const decoder = new FrameDecoder(regtest.magic)
  let left = 0
  return () => {
    if (left === 0) {
      decoder.push(chunk)
      left = frames
    }
    left--
    const event = decoder.next()
    if (event?.kind !== 'frame') throw new Error('the frame did not come out')
    const decoded = decodePayload(event.type, event.payload)
    if (!decoded.ok) throw new Error(`not decoded: ${decoded.error.field}`)
    return walk === undefined ? event.payload.length : walk(decoded.value)
  }
}

function encodeWork(message: Message): () => number {
  const encoder = new FrameEncoder(regtest.magic)
  return () => encoder.encode(message).length
}

function walkHeaders(message: Message): number {
  let sum = 0
  if (message.type !== 'headers') return sum
  for (const header of message.headers) {
    sum += header.version + header.time + header.bits + header.nonce
    sum += (header.previousHash[0] ?? 0) + (header.merkleRoot[0] ?? 0)
  }
  return sum
}

function walkInventory(message: Message): number {
  let sum = 0
  if (message.type !== 'inv') return sum
  for (const { type, hash } of message.inventory) sum += type + (hash[0] ?? 0)
  return sum
}

function walkBlock(message: Message): number {
  if (message.type !== 'block') return 0
  const transactions = decodeBlockTransactions(message.block.transactionData)
  if (!transactions.ok) throw new Error(`not decoded: ${transactions.error.field}`)
  return transactions.value.length
}

/** Nanoseconds per call of each work, in interleaved windows. */
function timeInTurns(
  { rounds, scale }: BenchContext,
  works: Readonly<Record<string, () => number>>,
): Map<string, number[]> {
  const times = new Map<string, number[]>()
  for (const work of Object.values(works)) timeWindow(work, WINDOW_MS * scale)
  for (let round = 0; round < rounds; round++) {
    for (const [name, work] of Object.entries(works)) {
      const slices = Array.from({ length: SLICES }, () => timeWindow(work, (WINDOW_MS / SLICES) * scale))
      // The least disturbed one: a neighbour on the same core slows a slice, nothing speeds it up.
      times.set(name, [...(times.get(name) ?? []), Math.min(...slices)])
    }
  }
  return times
}

/** Kept from being optimised away. */
let sink = 0

function timeWindow(work: () => number, windowMs: number): number {
  let calls = 0
  let batch = 1
  const before = process.cpuUsage()
  const startedAt = performance.now()
  for (;;) {
    for (let i = 0; i < batch; i++) sink += work()
    calls += batch
    const elapsedMs = performance.now() - startedAt
    if (elapsedMs >= windowMs) break
    // The clock is asked about once a millisecond.
    batch = Math.max(1, Math.ceil(calls / Math.max(1, elapsedMs)))
  }
  const { user, system } = process.cpuUsage(before)
  return Number.isNaN(sink) ? Number.NaN : ((user + system) * 1_000) / calls
}
