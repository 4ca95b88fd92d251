/** The table of peers, drawn anew until the user has seen enough. */
import { errorText } from '../../primitives/errors.ts'
import type { NetinfoData } from './netinfo-data.ts'
import { renderNetinfo } from './netinfo-table.ts'

export type Wake = 'elapsed' | 'resized' | 'left'

/** A terminal of which the whole screen is ours. */
export interface Screen {
  readonly columns: number
  readonly rows: number
  readonly left: boolean
  draw(lines: readonly string[]): void
  /** Until the time is over, or something happens. */
  wait(ms: number): Promise<Wake>
}

export interface WatchOptions {
  readonly intervalMs: number
  readonly color: boolean
}

/**
 * Starts from data that is there already. If new data can't be had, the last stays, with a word about it, and
 * the next try comes after the interval.
 */
export async function watchNetinfo(
  first: NetinfoData,
  fetch: () => Promise<NetinfoData>,
  screen: Screen,
  { intervalMs, color }: WatchOptions,
): Promise<void> {
  let data = first
  let notice: string | undefined
  while (!screen.left) {
    screen.draw(renderNetinfo(data, { columns: screen.columns, rows: screen.rows, color, notice }))
    const wake = await screen.wait(intervalMs)
    if (wake !== 'elapsed') continue
    try {
      data = await fetch()
      notice = undefined
    } catch (error) {
      notice = errorText(error)
    }
  }
}
