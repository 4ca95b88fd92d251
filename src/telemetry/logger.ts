/**
 * The log: one line per event for people, or one JSON object per event for machines. Levels go by audience:
 * `error` wakes somebody, `warn` is odd but survived, `info` is what an operator reads on a quiet day, `debug`
 * may be set off by strangers at will.
 */
import { formatIp } from '../primitives/ip.ts'

export type LogLevel = 'error' | 'warn' | 'info' | 'debug'

/** Tag in front of a line, such as [P2P]. */
export type LogCategory = 'P2P' | 'Chain' | 'Mining' | 'Wallet' | 'RPC' | 'Node'

export interface LogRecord {
  readonly level: LogLevel
  readonly category: LogCategory
  /** Further lines belong to the first and are written with it. */
  readonly text: string
  /** For machines: what the text says, as values. */
  readonly fields?: Readonly<Record<string, unknown>>
}

export interface LogOptions {
  readonly write: (text: string) => void
  readonly nowMs: () => number
  readonly color: boolean
  readonly json: boolean
  /** Leave out what is neither a warning nor an error. */
  readonly isQuiet?: boolean
  /** Can the last line be written over? Then {@link Logger.status} shows. */
  readonly terminal?: boolean
}

const CSI = '\u001b['
const RESET = `${CSI}0m`
const DIM = `${CSI}2m`
/** Back to the start of the line, and nothing on it. */
const ERASE = `\r${CSI}2K`
const CATEGORY_COLORS: Record<LogCategory, string> = {
  P2P: `${CSI}36m`,
  Chain: `${CSI}34m`,
  Mining: `${CSI}94m`,
  Wallet: `${CSI}33m`,
  RPC: `${CSI}35m`,
  Node: `${CSI}32m`,
}
const LEVEL_COLORS: Record<LogLevel, string> = {
  error: `${CSI}1;31m`,
  warn: `${CSI}33m`,
  info: '',
  debug: DIM,
}
const LEVEL_WORDS: Record<LogLevel, string> = { error: 'ERROR: ', warn: 'warning: ', info: '', debug: '' }

export class Logger {
  readonly #options: LogOptions
  #second = -1
  #stamp = ''
  #status = ''

  constructor(options: LogOptions) {
    this.#options = options
  }

  log(record: LogRecord): void {
    const { write, json, nowMs, isQuiet } = this.#options
    if (isQuiet === true && (record.level === 'info' || record.level === 'debug')) return
    const line = json ? jsonLine(record, nowMs()) : this.#textLine(record, nowMs())
    write(this.#status === '' ? line : ERASE + line + this.#status)
  }

  /** On a terminal: what is shown below the last line until it changes; nothing if empty. False elsewhere. */
  status(text: string): boolean {
    if (this.#options.terminal !== true) return false
    if (text !== this.#status) this.#options.write(ERASE + text)
    this.#status = text
    return true
  }

  #textLine({ level, category, text }: LogRecord, nowMs: number): string {
    const time = `${this.#secondStamp(nowMs)}.${String(nowMs % 1_000).padStart(3, '0')}`
    if (!this.#options.color) return `${time} [${category}] ${LEVEL_WORDS[level]}${text}\n`
    const tag = `${CATEGORY_COLORS[category]}[${category}]${RESET}`
    const color = LEVEL_COLORS[level]
    const body = color === '' ? text : `${color}${LEVEL_WORDS[level]}${text}${RESET}`
    return `${DIM}${time}${RESET} ${tag} ${body}\n`
  }

  /** "2026-11-22 20:15:00" in local time; made once a second. */
  #secondStamp(nowMs: number): string {
    const second = Math.floor(nowMs / 1_000)
    if (second !== this.#second) {
      this.#second = second
      const d = new Date(nowMs)
      const two = (n: number): string => String(n).padStart(2, '0')
      const date = `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}`
      this.#stamp = `${date} ${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`
    }
    return this.#stamp
  }
}

function jsonLine({ level, category, text, fields }: LogRecord, nowMs: number): string {
  const record = { time: new Date(nowMs).toISOString(), level, category, ...fields, text }
  const json = JSON.stringify(record, (_, value: unknown) => plain(value))
  // Whatever a peer calls itself, the line stays ASCII: nothing in it moves a terminal's cursor.
  return `${json.replace(/[\u007f-\uffff]/g, unicodeEscape)}\n`
}

/** What JSON has no form for. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  // Bytes in events are addresses.
  return value instanceof Uint8Array ? formatIp(value) : value
}

function unicodeEscape(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
}
