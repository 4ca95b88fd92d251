/**
 * The fuzz run against a live node: damaged and valid frames over several connections at once, which are made
 * again when the node ends them, while a peer that behaves well has its pings answered. The order of frames on
 * each connection follows from the seed. Memory of this side is bounded by the corpus and what one connection
 * is sent.
 */
import { FRAME_HEADER_BYTES } from '../src/framing/encoder.ts'
import { type NetworkParams, regtest } from '../src/params/networks.ts'
import { concatBytes } from '../src/primitives/bytes.ts'
import type { RandomSource } from '../src/primitives/random.ts'
import { messageChecksum } from '../src/primitives/sha3.ts'
import { eventually } from './changes.ts'
import { makeCorpus, randomFromSeed } from './fuzz.ts'
import { mutate, pick, randomBytes } from './mutation.ts'
import { Lab, type NodeProcess } from './process.ts'
import { TcpPeer, versionMessage } from './tcp-peer.ts'

export interface LiveFuzzOptions {
  readonly frames: number
  readonly seed: number
  /** Default: regtest. */
  readonly network?: NetworkParams
  /** More options for the node. */
  readonly args?: readonly string[]
  /** Told now and then how far it is. */
  readonly onProgress?: (framesSent: number) => void
}

export interface LiveFuzzReport {
  readonly frames: number
  readonly connections: number
  readonly seconds: number
  readonly bytesSent: number
  /** What the node took in of it; the rest was behind something that ended the connection. */
  readonly bytesRead: number
  /** Memory of the node, bytes. */
  readonly rss: { readonly before: number; readonly peak: number; readonly after: number }
  /** Pings of the peer that behaves well. */
  readonly witness: { readonly pings: number; readonly slowestMs: number }
  readonly failures: readonly string[]
}

const WORKERS = 8
const CORPUS_SIZE = 2_000
const MAX_BATCH = 64
/** How long a connection is given before it is taken for one that waits in the middle of a frame. */
const MAX_SILENCE_MS = 100
const PROGRESS_MS = 10_000

/** A pong that takes longer is a failure: far more than a busy machine needs. */
const MAX_PONG_MS = 5_000
/** What the node may need at most while it is flooded, and keep afterwards: compiled code, warm buffers. */
const MAX_GROWTH_BYTES = 192 * 1_048_576
const MAX_KEPT_BYTES = 32 * 1_048_576
/** The engine gives memory back when it has had nothing to do for a while. */
const SETTLE_MS = 120_000

class Campaign {
  readonly #port: number
  readonly #frames: number
  readonly #network: NetworkParams
  readonly #corpus: readonly Uint8Array[]
  sent = 0
  bytes = 0
  connections = 0

  constructor(port: number, frames: number, network: NetworkParams, corpus: readonly Uint8Array[]) {
    this.#network = network
    this.#port = port
    this.#frames = frames
    this.#corpus = corpus
  }

  get isDone(): boolean {
    return this.sent >= this.#frames
  }

  /** Keeps one connection busy, and makes another when it ends. */
  async work(random: RandomSource): Promise<void> {
    while (!this.isDone) {
      // Many addresses: ports of ended connections are not free at once.
      const localAddress = `127.0.${1 + random.below(250)}.${1 + random.below(250)}`
      const peer = await TcpPeer.connect({ port: this.#port, network: this.#network, localAddress })
      this.connections++
      // Some say nothing that makes sense at all.
      if (random.below(20) > 0) peer.send(versionMessage(this.#network), { type: 'verack' })
      while (!this.isDone && (await this.#batch(peer, random)));
      await this.#end(peer, random)
    }
  }

  /** False if the node ended the connection, or waits for the rest of a frame that never comes. */
  async #batch(peer: TcpPeer, random: RandomSource): Promise<boolean> {
    const frames = Array.from({ length: 1 + random.below(MAX_BATCH) }, () => this.#frame(random))
    const bytes = concatBytes(frames)
    this.sent += frames.length
    this.bytes += bytes.length
    const cut = random.below(bytes.length + 1)
    peer.sendBytes(bytes.subarray(0, cut))
    await peer.drained()
    peer.sendBytes(bytes.subarray(cut))
    return await peer.ping(MAX_SILENCE_MS).then(
      () => true,
      () => false,
    )
  }

  async #end(peer: TcpPeer, random: RandomSource): Promise<void> {
    if (random.below(2) === 0) peer.close()
    else peer.reset()
    if (!peer.hasEnded) peer.socket.destroy()
    await peer.waitForEnd()
  }

  /** More than half are valid, and most of the others reach a handler: what breaks a stream ends its connection. */
  #frame(random: RandomSource): Uint8Array {
    const frame = pick(random, this.#corpus)
    if (random.below(5) < 3) return frame
    if (random.below(100) === 0) return randomBytes(random, 200)
    for (let attempt = 0; attempt < 3; attempt++) {
      const mutated = mutate(random, frame)
      if (isSealed(mutated, this.#network.magic)) return mutated
    }
    return mutate(random, frame)
  }
}

/** Would the decoder accept header and checksum? */
function isSealed(frame: Uint8Array, magic: number): boolean {
  if (frame.length < FRAME_HEADER_BYTES) return false
  const view = new DataView(frame.buffer, frame.byteOffset)
  const payload = frame.subarray(FRAME_HEADER_BYTES)
  return (
    view.getUint32(0, true) === magic &&
    view.getUint32(16, true) === payload.length &&
    view.getUint32(20, true) === messageChecksum(payload)
  )
}

/** Frames of random messages, on the network of the node. */
function corpusFor(seed: number, magic: number): Uint8Array[] {
  const corpus = makeCorpus(seed, CORPUS_SIZE)
  for (const frame of corpus) new DataView(frame.buffer, frame.byteOffset).setUint32(0, magic, true)
  return corpus
}

/** Pings until told to stop. */
class Witness {
  readonly #peer: TcpPeer
  #stopped = false
  pings = 0
  slowestMs = 0
  failure: string | undefined

  constructor(peer: TcpPeer) {
    this.#peer = peer
  }

  async watch(): Promise<void> {
    try {
      while (!this.#stopped) {
        this.slowestMs = Math.max(this.slowestMs, await this.#peer.ping(MAX_PONG_MS))
        this.pings++
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    } catch (error) {
      this.failure = `the peer that behaves well: ${error instanceof Error ? error.message : String(error)}`
    }
  }

  stop(): void {
    this.#stopped = true
  }
}

/** Starts a node of its own and leaves nothing behind. */
export async function fuzzLive(options: LiveFuzzOptions): Promise<LiveFuzzReport> {
  const { frames, seed, network = regtest, args = [], onProgress } = options
  const lab = new Lab()
  try {
    const corpus = corpusFor(seed, network.magic)
    const { node, port } = await lab.startListening({ args: [`--${network.name}`, ...args] })
    const witness = new Witness(lab.atEnd(await TcpPeer.join({ port, network })))
    const watching = witness.watch()
    const random = randomFromSeed(seed)
    const campaign = new Campaign(port, frames, network, corpus)
    const before = node.memory().rss
    const startedAt = performance.now()
    const progress = setInterval(() => onProgress?.(campaign.sent), PROGRESS_MS)
    const workers = Array.from({ length: WORKERS }, (_, i) => campaign.work(random.fork(`worker ${i}`)))
    const failures: string[] = []
    await Promise.all(workers).catch((error: unknown) => failures.push(`a connection: ${String(error)}`))
    clearInterval(progress)
    const seconds = (performance.now() - startedAt) / 1_000
    const rss = await settle(node, before, failures)
    const bytesRead = await bytesReadBy(node)
    witness.stop()
    await watching
    if (witness.failure !== undefined) failures.push(witness.failure)
    failures.push(...(await endOf(node)))
    const { sent, bytes: bytesSent, connections } = campaign
    const { pings, slowestMs } = witness
    return {
      frames: sent,
      connections,
      seconds,
      bytesSent,
      bytesRead,
      rss,
      witness: { pings, slowestMs },
      failures,
    }
  } finally {
    await lab.close()
  }
}

/** Waits until all connections but one are gone and memory has come down; complains if it does not. */
async function settle(node: NodeProcess, before: number, failures: string[]): Promise<LiveFuzzReport['rss']> {
  const complain = (error: unknown): void => {
    failures.push(error instanceof Error ? error.message : String(error))
  }
  if (node.hasExited) return { before, peak: 0, after: 0 }
  const alone = async () => ((await node.rpc('getconnectioncount')) === 1 ? true : undefined)
  await eventually(alone, 'only the peer that behaves well is left', SETTLE_MS).catch(complain)
  const calm = () => (node.memory().rss - before <= MAX_KEPT_BYTES ? true : undefined)
  await eventually(calm, 'memory is back where it was', SETTLE_MS).catch(complain)
  const { rss: after, peak } = node.memory()
  if (peak - before > MAX_GROWTH_BYTES) failures.push(`memory grew by ${peak - before} bytes`)
  return { before, peak, after }
}

async function bytesReadBy(node: NodeProcess): Promise<number> {
  if (node.hasExited) return 0
  const totals = (await node.rpc('getnettotals')) as { totalbytesrecv: number }
  return totals.totalbytesrecv
}

async function endOf(node: NodeProcess): Promise<string[]> {
  if (node.hasExited) return [`the node ended\n${node.describe()}`]
  const { code } = await node.stop()
  const errors = node.errors.length > 0 ? [`the node complained\n${node.errors.join('\n')}`] : []
  return code === 0 ? errors : [`the node ended with code ${code}`, ...errors]
}
