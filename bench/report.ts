/** Rows of results and the table that is printed at the end. */
import { median, medianRatio } from './stats.ts'

export interface Goal {
  readonly text: string
  readonly isMet: boolean
}

export interface Row {
  readonly suite: string
  readonly metric: string
  readonly unit: string
  /** Name of the build that was measured; empty where it is this program itself. */
  readonly subject: string
  readonly value: number
  /** What stood beside it in the same run. */
  readonly bare?: { readonly name: string; readonly value: number }
  readonly ratio?: number
  readonly goal?: Goal
  /** Each round, for those who want more than the median. */
  readonly rounds?: readonly number[]
}

export interface RowInit {
  readonly suite: string
  readonly metric: string
  readonly unit: string
  readonly subject: string
  readonly values: readonly number[]
  readonly bare?: { readonly name: string; readonly values: readonly number[] } | undefined
  /** Judges the median and, where there is something to compare with, the ratio. */
  readonly goal?:
    | { readonly text: string; readonly met: (value: number, ratio: number) => boolean }
    | undefined
}

export function makeRow({ suite, metric, unit, subject, values, bare, goal }: RowInit): Row {
  const value = median(values)
  const ratio = bare === undefined ? Number.NaN : medianRatio(values, bare.values)
  return {
    suite,
    metric,
    unit,
    subject,
    value,
    ...(bare === undefined ? {} : { bare: { name: bare.name, value: median(bare.values) }, ratio }),
    ...(goal === undefined ? {} : { goal: { text: goal.text, isMet: goal.met(value, ratio) } }),
    rounds: values,
  }
}

export function renderTable(rows: readonly Row[]): string {
  const several = new Set(rows.map((row) => row.subject).filter((name) => name !== '')).size > 1
  const head = ['benchmark', 'unit', 'node', 'bare', 'ratio', 'goal', '']
  const body = rows.map((row) => [
    `${row.suite}: ${row.metric}${several && row.subject !== '' ? ` [${row.subject}]` : ''}`,
    row.unit,
    formatNumber(row.value),
    row.bare === undefined ? '' : `${formatNumber(row.bare.value)} (${row.bare.name})`,
    row.ratio === undefined ? '' : row.ratio.toFixed(2),
    row.goal?.text ?? '',
    row.goal === undefined ? '' : row.goal.isMet ? 'met' : 'NOT MET',
  ])
  const widths = head.map((_, i) => Math.max(...[head, ...body].map((cells) => cells[i]?.length ?? 0)))
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => (i >= 2 && i <= 4 ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0))).join(' | ')} |`
  const rule = `|${widths.map((width, i) => (i >= 2 && i <= 4 ? `${'-'.repeat(width + 1)}:` : '-'.repeat(width + 2))).join('|')}|`
  return [line(head), rule, ...body.map(line)].join('\n')
}

/** Three digits that count, with thousands set apart. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return '-'
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.max(1e-9, Math.abs(value)))))
  const rounded = digits > 0 ? value.toFixed(Math.min(3, digits)) : String(Math.round(value))
  const [whole = '', fraction] = rounded.split('.')
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ',')
  return fraction === undefined ? grouped : `${grouped}.${fraction}`
}
