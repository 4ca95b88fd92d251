/** The download of the chain in words: how far it is, and why it does not go on. */
import type { StuckCause, SyncEvent } from '../sync/hooks.ts'

type Progress = Extract<SyncEvent, { type: 'syncProgress' }>
type Stuck = Extract<SyncEvent, { type: 'syncStuck' }>

const PHASES = { headers: 'Headers', blocks: 'Blocks' } as const

export const stuckTexts: Record<StuckCause, string> = {
  noPeers: 'no peer is connected',
  awaitingHeaders: 'headers were asked for and have not come',
  noSource: 'none of the peers has the blocks that are missing',
  awaitingBlocks: 'blocks were asked for and have not come',
  chainBusy: 'blocks wait to be checked and written',
  diskFailed: 'the disk has failed',
  clockWrong: 'the latest blocks of the peers are in the future: the clock of this machine may be wrong',
}

/** Such as "Blocks: 1200 of 4000 (30.0 %), 250 per second, 11 s left". */
export function progressText({
  phase,
  height,
  headers,
  expectedHeight,
  done,
  perSecond,
  secondsLeft,
}: Progress): string {
  const at = phase === 'headers' ? headers : height
  const rate = perSecond >= 10 ? Math.round(perSecond) : Math.round(10 * perSecond) / 10
  const left = secondsLeft === undefined ? '' : `, ${durationText(secondsLeft)} left`
  return `${PHASES[phase]}: ${at} of ${expectedHeight} (${(100 * done).toFixed(1)} %), ${rate} per second${left}`
}

const BAR_CELLS = 24

/** Such as "Blocks [#######-----------------] 1200 of 4000 (30.0 %), 250 per second, 11 s left". */
export function progressBar(progress: Progress): string {
  const filled = Math.round(BAR_CELLS * Math.min(1, Math.max(0, progress.done)))
  const bar = `[${'#'.repeat(filled)}${'-'.repeat(BAR_CELLS - filled)}]`
  return progressText(progress).replace(':', ` ${bar}`)
}

export function stuckText({ cause, waitsFor, seconds }: Stuck): string {
  const whom = waitsFor === undefined ? '' : ` from peer ${waitsFor}`
  return `The chain has not grown for ${durationText(seconds)} although there is more: ${stuckTexts[cause]}${whom}`
}

export function durationText(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} days`
}
