/**
 * The alternate screen of a terminal: taken on opening, given back on closing, whatever happens between. Keys q
 * and Ctrl-C, the end of input and the signals that end a process all mean: leave.
 */
import type { Screen, Wake } from './netinfo-watch.ts'

export interface TerminalInput {
  readonly isTTY?: boolean | undefined
  setRawMode?(raw: boolean): unknown
  resume(): unknown
  pause(): unknown
  on(event: 'data' | 'end', listener: (chunk: Uint8Array) => void): unknown
  off(event: 'data' | 'end', listener: (chunk: Uint8Array) => void): unknown
}

export interface TerminalOutput {
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  readonly rows?: number | undefined
  write(text: string): unknown
  on(event: 'resize', listener: () => void): unknown
  off(event: 'resize', listener: () => void): unknown
}

export interface OpenScreen extends Screen {
  close(): void
}

const DEFAULT_COLUMNS = 80
const DEFAULT_ROWS = 24
const ENTER = '\x1b[?1049h\x1b[?25l'
const LEAVE = '\x1b[?25h\x1b[?1049l'
const HOME = '\x1b[H'
const CLEAR_LINE = '\x1b[K'
const CLEAR_BELOW = '\x1b[J'
const CTRL_C = 3
const LEAVING_KEYS: ReadonlySet<number> = new Set([CTRL_C, ...Buffer.from('qQ')])

/** Terminals that don't know their size say 0. */
export function columnsOf({ columns }: TerminalOutput): number {
  return columns || DEFAULT_COLUMNS
}

/** Only on a terminal, and not where the user does without. */
export function wantsColor(
  line: { readonly color: boolean },
  io: { readonly stdout: TerminalOutput; readonly env: NodeJS.ProcessEnv },
): boolean {
  return io.stdout.isTTY === true && line.color && (io.env['NO_COLOR'] ?? '') === ''
}

/**
 * `onLeave` is called once, as soon as the user wants to leave. `onSignal` has a function called when the process
 * is asked to end, and returns how to undo that.
 */
export function openScreen(
  stdin: TerminalInput,
  stdout: TerminalOutput,
  onSignal: (listener: () => void) => () => void,
  onLeave: () => void,
): OpenScreen {
  let left = false
  let wake: ((why: Wake) => void) | undefined
  const leave = (): void => {
    if (left) return
    left = true
    onLeave()
    wake?.('left')
  }
  const onKeys = (keys: Uint8Array): void => {
    if (keys.some((key) => LEAVING_KEYS.has(key))) leave()
  }
  const onResize = (): void => wake?.('resized')

  const undoSignal = onSignal(leave)
  stdin.setRawMode?.(true)
  stdin.on('data', onKeys)
  stdin.on('end', leave)
  stdin.resume()
  stdout.on('resize', onResize)
  stdout.write(ENTER)

  return {
    get columns() {
      return columnsOf(stdout)
    },
    get rows() {
      return stdout.rows || DEFAULT_ROWS
    },
    get left() {
      return left
    },
    // One write, each line overwriting the one before: nothing is blank in between.
    draw(lines) {
      stdout.write(HOME + lines.map((line) => line + CLEAR_LINE).join('\r\n') + CLEAR_BELOW)
    },
    async wait(ms) {
      if (left) return 'left'
      let timer: NodeJS.Timeout | undefined
      const why = await new Promise<Wake>((resolve) => {
        wake = resolve
        timer = setTimeout(resolve, ms, 'elapsed')
      })
      clearTimeout(timer)
      wake = undefined
      return why
    },
    close() {
      stdout.off('resize', onResize)
      stdin.off('data', onKeys)
      stdin.off('end', leave)
      stdin.setRawMode?.(false)
      stdin.pause()
      stdout.write(LEAVE)
      undoSignal()
    },
  }
}
