/**
 * What a header must look like behind its parent, apart from its proof of work (difficulty 5 to 7, validation 3).
 * A header's hash is not needed here but for checkpoints, so all of this comes before the costly hash.
 */
import type { ChainParams, Checkpoint } from '../params/chain-params.ts'
import { bytesEqual } from '../primitives/bytes.ts'
import { type BlockHeader, HEADER_BYTES, headerBytes } from '../wire/header.ts'
import { bitsFault, type ChainPoint } from './difficulty.ts'
import { type Fault, fault } from './faults.ts'

/** A broken rule; `future`: nothing is wrong but its time, which may come; undefined: all is well. */
export type HeaderVerdict = Fault | 'future' | undefined

/** So many blocks, the parent included, have the median that a block must be later than. */
const MEDIAN_BLOCKS = 11

/** `nowUnix`: our clock, Unix seconds. */
export function checkHeader(
  params: ChainParams,
  header: BlockHeader,
  parent: ChainPoint,
  nowUnix: number,
): HeaderVerdict {
  const height = parent.height + 1
  const { version, bits, time } = header
  // Longer headers, and versions that ask for one, belong to chains that are not known here.
  const isLong =
    header.bytes.length !== HEADER_BYTES || headerBytes(version, params.plainHeaders) !== HEADER_BYTES
  if (version < params.minHeaderVersion || isLong) {
    return fault('bad-version', `version ${version}`)
  }
  if (bits === 0) return fault('bad-diffbits')
  if (height > params.trustedHeight) {
    if (bitsFault(params.difficulty, parent, bits, time)) {
      return fault('bad-diffbits', `0x${bits.toString(16).padStart(8, '0')} at height ${height}`)
    }
    if (params.checksMedianTime && time <= medianTimePast(parent)) return fault('time-too-old')
  }
  return time > nowUnix + futureLimit(params, height) ? 'future' : undefined
}

/** Median of the times of a block and the ten before it; near genesis, of as many as there are. Unix seconds. */
export function medianTimePast(point: ChainPoint): number {
  const times: number[] = []
  let at: ChainPoint | undefined = point
  for (; at !== undefined && times.length < MEDIAN_BLOCKS; at = at.parent) times.push(at.time)
  times.sort((a, b) => a - b)
  return times[times.length >> 1] ?? 0
}

/** Seconds that a header may be ahead of our clock; infinite if nobody looks. */
export function futureLimit({ futureLimits }: ChainParams, height: number): number {
  return futureLimits.findLast(({ fromHeight }) => fromHeight <= height)?.seconds ?? Number.POSITIVE_INFINITY
}

export function checkpointAt({ checkpoints }: ChainParams, height: number): Checkpoint | undefined {
  return checkpoints.find((checkpoint) => checkpoint.height === height)
}

/** Is there a checkpoint at this height that names another block? `hash`: 32 bytes in wire order. */
export function checkpointFault(params: ChainParams, height: number, hash: Uint8Array): Fault | undefined {
  const checkpoint = checkpointAt(params, height)
  if (checkpoint === undefined || bytesEqual(checkpoint.hash, hash)) return undefined
  return fault('checkpoint-mismatch', `height ${height}`)
}

/** Height of the last checkpoint; 0 if there is none, for then genesis is all that is certain. */
export function lastCheckpointHeight({ checkpoints }: ChainParams): number {
  return checkpoints.at(-1)?.height ?? 0
}
