/**
 * Fuzzing of framing and codec that is led by coverage: an input that makes code run which no input before it did is
 * kept, and others are made from it, so that damage upon damage gets deeper into the decoders than chance would.
 *
 *   npm run fuzz -- --guided --seconds 30
 *
 * The corpus begins with the frames of test/vectors and one message of each type. Inputs are streams of one to three
 * frames, cut into pieces, and must pass the same checks as in the unguided run (testkit/checks.ts). Since a look at
 * the coverage costs as much as many inputs, it is taken after a batch; if the batch has reached something new, its
 * inputs run once more, one by one, to see which it was. With --inputs instead of --seconds, a run depends on its
 * seed alone. Memory is bounded by MAX_CORPUS inputs of at most MAX_INPUT_BYTES.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { mainnet } from '../src/params/networks.ts'
import { concatBytes, fromHex, toHex } from '../src/primitives/bytes.ts'
import type { RandomSource } from '../src/primitives/random.ts'
import { type Complaint, checkStream } from './checks.ts'
import { Coverage } from './coverage.ts'
import { makeCorpus, randomFromSeed } from './fuzz.ts'
import { mutate, pick } from './mutation.ts'

export interface GuidedOptions {
  readonly seed: number
  /** Ends after so many inputs, or when `isOver` says so. */
  readonly inputs: number
  readonly isOver?: () => boolean
}

export interface GuidedReport {
  readonly inputs: number
  readonly corpus: number
  /** Of these, found by the run itself. */
  readonly found: number
  readonly blocks: number
  readonly knownBlocks: number
  readonly failure: { readonly inputHex: string; readonly complaint: string } | undefined
}

const VECTORS = join(import.meta.dirname, '../test/vectors')
const FILES = ['protocol-frames.json', 'mainnet-messages.json', 'v1-testnet-messages.json']
const GENERATED = 200
const MAX_CORPUS = 5_000
const MAX_INPUT_BYTES = 6_000
const BATCH = 100
const CHUNK_BYTES = [1, 7, 24, 25, 500, 100_000] as const
const MAGIC_BYTES = Uint8Array.from([0, 8, 16, 24], (shift) => (mainnet.magic >>> shift) & 0xff)

/** The frames of the vectors as if all were of one network, and some of each type that were made up. */
function firstCorpus(seed: number): Uint8Array[] {
  const texts = FILES.flatMap((name) => {
    const file = readFileSync(join(VECTORS, name), 'utf8')
    return [...file.matchAll(/"frame": *"([0-9a-f]+)"/g)].map((match) => match[1] ?? '')
  })
  const recorded = texts.flatMap((text) => {
    const frame = fromHex(text)
    if (frame === undefined || frame.length > MAX_INPUT_BYTES) return []
    frame.set(MAGIC_BYTES)
    return [frame]
  })
  if (recorded.length === 0) throw new Error(`no frames in ${VECTORS}`)
  return [...recorded, ...makeCorpus(seed, GENERATED)]
}

function nextInput(random: RandomSource, corpus: readonly Uint8Array[]): Uint8Array {
  let input = mutate(random, pick(random, corpus))
  while (random.below(3) === 0) input = mutate(random, input)
  if (random.below(8) === 0) input = concatBytes([pick(random, corpus), input])
  return input.length > MAX_INPUT_BYTES ? input.slice(0, MAX_INPUT_BYTES) : input
}

function complaintAbout(input: Uint8Array): Complaint {
  try {
    // Cut by its own length, so that an input alone says how it was run.
    const size = CHUNK_BYTES[input.length % CHUNK_BYTES.length] ?? 1
    return checkStream(input, [size], mainnet.magic)
  } catch (error) {
    return `thrown: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`
  }
}

/** Runs until an input fails, or it is over. */
export function guidedFuzz({ seed, inputs, isOver = () => false }: GuidedOptions): GuidedReport {
  const random = randomFromSeed(seed)
  const corpus = firstCorpus(seed)
  const before = corpus.length
  const coverage = new Coverage(import.meta.url, (path) => /^src\/(wire|framing|primitives)\//.test(path))
  let done = 0
  const report = (failure: GuidedReport['failure']): GuidedReport => {
    const { blocks, knownBlocks } = coverage
    coverage.stop()
    const found = corpus.length - before
    return { inputs: done, corpus: corpus.length, found, blocks, knownBlocks, failure }
  }
  let batch: Uint8Array[] = [...corpus]
  while (true) {
    for (const input of batch) {
      done++
      const complaint = complaintAbout(input)
      if (complaint !== undefined) return report({ inputHex: toHex(input), complaint })
    }
    // What the first corpus reaches is where the run starts from.
    if (done === before) coverage.look()
    else if (coverage.hasNew()) keepNew(batch, corpus, coverage)
    if (done >= inputs || isOver()) return report(undefined)
    batch = Array.from({ length: Math.min(BATCH, inputs - done) }, () => nextInput(random, corpus))
  }
}

/** Runs a batch once more, and keeps what reaches something new. */
function keepNew(batch: readonly Uint8Array[], corpus: Uint8Array[], coverage: Coverage): void {
  for (const input of batch) {
    complaintAbout(input)
    if (coverage.look() > 0 && corpus.length < MAX_CORPUS) corpus.push(input)
  }
}
