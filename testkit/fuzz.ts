/**
 * The long fuzz run: streams of damaged frames and payloads of noise against the checks. It depends on its
 * options alone, so a seed repeats a run. Memory is bounded by the corpus and one input.
 */
import fc from 'fast-check'
import { FrameEncoder } from '../src/framing/encoder.ts'
import { mainnet } from '../src/params/networks.ts'
import { concatBytes, toHex } from '../src/primitives/bytes.ts'
import { RandomSource } from '../src/primitives/random.ts'
import { sha3_256 } from '../src/primitives/sha3.ts'
import { messageTypes } from '../src/wire/messages.ts'
import { message } from './arbitraries.ts'
import { type Complaint, checkPayload, checkStream } from './checks.ts'
import { mutate, pick, randomBytes } from './mutation.ts'

export interface FuzzOptions {
  readonly inputs: number
  readonly seed: number
  /** Valid frames that inputs are made from; one is about 250 bytes. */
  readonly corpusSize?: number
}

export interface FuzzFailure {
  /** Number of the input in its run, from 0. */
  readonly index: number
  /** What the bytes are: a stream of frames, or the payload of a command. */
  readonly kind: string
  readonly inputHex: string
  readonly chunkSizes: readonly number[]
  readonly complaint: string
}

interface Input {
  readonly kind: string
  readonly bytes: Uint8Array
  readonly chunkSizes: readonly number[]
  check(): Complaint
}

const CHUNK_BYTES = [1, 2, 7, 23, 24, 25, 64, 500, 5_000] as const

export function randomFromSeed(seed: number): RandomSource {
  return new RandomSource(sha3_256(new TextEncoder().encode(`fuzz ${seed}`)))
}

/** Frames of random messages of all types. */
export function makeCorpus(seed: number, size: number, magic = mainnet.magic): Uint8Array[] {
  const encoder = new FrameEncoder(magic)
  return fc.sample(message, { seed, numRuns: size }).map((sample) => encoder.encode(sample))
}

/** Three inputs in four are streams of one to three frames, of which most are damaged; the rest is noise. */
function makeInput(random: RandomSource, corpus: readonly Uint8Array[]): Input {
  if (random.below(4) === 0) {
    const type = pick(random, messageTypes)
    const bytes = randomBytes(random, 200)
    return { kind: `payload of ${type}`, bytes, chunkSizes: [], check: () => checkPayload(type, bytes) }
  }
  const frames: Uint8Array[] = []
  for (let left = 1 + random.below(3); left > 0; left--) {
    const frame = pick(random, corpus)
    frames.push(random.below(4) === 0 ? frame : mutate(random, frame))
  }
  const bytes = concatBytes(frames)
  const chunkSizes = [pick(random, CHUNK_BYTES), pick(random, CHUNK_BYTES), pick(random, CHUNK_BYTES)]
  return { kind: 'stream', bytes, chunkSizes, check: () => checkStream(bytes, chunkSizes, mainnet.magic) }
}

/** Runs until an input fails or all have passed. */
export function fuzz({ inputs, seed, corpusSize = 2_000 }: FuzzOptions): FuzzFailure | undefined {
  const random = randomFromSeed(seed)
  const corpus = makeCorpus(seed, corpusSize)
  for (let index = 0; index < inputs; index++) {
    const { kind, bytes, chunkSizes, check } = makeInput(random, corpus)
    const complaint = complaintOf(check)
    if (complaint !== undefined) return { index, kind, inputHex: toHex(bytes), chunkSizes, complaint }
  }
  return undefined
}

function complaintOf(check: () => Complaint): Complaint {
  try {
    return check()
  } catch (error) {
    return `thrown: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`
  }
}
