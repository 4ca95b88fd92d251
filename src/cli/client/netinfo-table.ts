/** The table of peers as lines of text. Pure: what it shows depends on the data and the size of the screen. */
import { printable } from '../../primitives/bytes.ts'
import type { NetinfoData, NetinfoPeer } from './netinfo-data.ts'
import { formatAge, formatBytes } from './units.ts'

export interface NetinfoView {
  /** Lines are cut to this many characters; undefined for whole lines. */
  readonly columns?: number | undefined
  /** Peers that don't fit are counted in one line; undefined to show all. */
  readonly rows?: number | undefined
  readonly color: boolean
  /** Shown in the first line, such as why the table is not up to date. */
  readonly notice?: string | undefined
}

interface Column {
  readonly title: string
  readonly align: 'left' | 'right'
  readonly cell: (peer: NetinfoPeer, now: number) => string
}

const COLUMNS: readonly Column[] = [
  { title: 'dir', align: 'left', cell: (peer) => (peer.inbound ? 'in' : 'out') },
  { title: 'type', align: 'left', cell: (peer) => plain(peer.connection_type) },
  { title: 'id', align: 'right', cell: (peer) => String(peer.id) },
  { title: 'mping', align: 'right', cell: (peer) => milliseconds(peer.minping) },
  { title: 'ping', align: 'right', cell: (peer) => milliseconds(peer.pingtime) },
  { title: 'send', align: 'right', cell: (peer, now) => secondsSince(peer.lastsend, now) },
  { title: 'recv', align: 'right', cell: (peer, now) => secondsSince(peer.lastrecv, now) },
  { title: 'sent', align: 'right', cell: (peer) => formatBytes(peer.bytes_sent) },
  { title: 'received', align: 'right', cell: (peer) => formatBytes(peer.bytes_recv) },
  {
    title: 'uptime',
    align: 'right',
    cell: (peer, now) => (peer.conntime > 0 ? formatAge(now - peer.conntime) : '-'),
  },
  { title: 'height', align: 'right', cell: (peer) => (isComplete(peer) ? String(peer.startingheight) : '-') },
  { title: 'version', align: 'right', cell: (peer) => (peer.version > 0 ? String(peer.version) : '-') },
  { title: 'address', align: 'left', cell: (peer) => plain(peer.addr) },
  {
    title: 'subver',
    align: 'left',
    cell: (peer) => (isComplete(peer) ? plain(peer.subver) : `(${plain(peer.state)})`),
  },
]

const BOLD = '\x1b[1m'
const RED = '\x1b[31m'
const RESET = '\x1b[0m'

export function renderNetinfo(data: NetinfoData, view: NetinfoView): string[] {
  const paint = (style: string, text: string): string => (view.color ? style + text + RESET : text)
  const cut = (text: string): string => text.trimEnd().slice(0, view.columns)
  const notice = view.notice === undefined ? [] : [paint(RED, cut(printable(view.notice)))]
  const summary = summaryLines(data).map(cut)
  const [header = '', ...peers] = tableLines(data).map(cut)
  const head = [...notice, paint(BOLD, cut(titleLine(data))), '', paint(BOLD, header)]
  const shown = fitLines(
    peers,
    view.rows === undefined ? undefined : view.rows - head.length - summary.length - 1,
  )
  return [...head, ...shown, '', ...summary].slice(0, view.rows)
}

function titleLine({ network, uptime }: NetinfoData): string {
  const facts = [
    network.network ?? '',
    `protocol ${network.protocolversion}`,
    network.listenport === undefined ? '' : `port ${network.listenport}`,
    uptime === undefined ? '' : `up ${formatAge(uptime)}`,
  ]
  const known = facts.filter((fact) => fact !== '').map(plain)
  return `Dilithion node ${plain(network.version)} ${plain(network.subversion)} - ${known.join(', ')}`
}

function tableLines({ peers, now }: NetinfoData): string[] {
  const sorted = peers.toSorted((a, b) => Number(b.inbound) - Number(a.inbound) || a.id - b.id)
  const rows = [
    COLUMNS.map(({ title }) => title),
    ...sorted.map((peer) => COLUMNS.map(({ cell }) => cell(peer, now))),
  ]
  const widths = COLUMNS.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)))
  return rows.map((row) => row.map((text, i) => pad(text, widths[i] ?? 0, COLUMNS[i]?.align)).join('  '))
}

function summaryLines({ peers, network, totals }: NetinfoData): string[] {
  const complete = peers.filter(isComplete)
  const limit = network.maxconnections === undefined ? '' : ` of ${network.maxconnections}`
  const counts = (title: string, some: readonly NetinfoPeer[], behind: string): string => {
    const inbound = some.filter((peer) => peer.inbound).length
    const numbers = [inbound, some.length - inbound, some.length].map((n) => String(n).padStart(6))
    return title.padEnd(10) + numbers.join('') + behind
  }
  const lines = [
    `${''.padEnd(10)}    in   out total`,
    counts('connected', peers, limit),
    counts('complete', complete, ''),
  ]
  if (totals !== undefined) {
    const { totalbytesrecv, totalbytessent } = totals
    lines.push(`traffic   received ${formatBytes(totalbytesrecv)}, sent ${formatBytes(totalbytessent)}`)
  }
  return lines
}

/** Nodes that tell no state tell only of peers whose handshake is complete. */
function isComplete({ state }: NetinfoPeer): boolean {
  return state === '' || state === 'handshake-complete'
}

/** As many lines as there is room for, the last one saying how many are missing. */
function fitLines(lines: string[], room: number | undefined): string[] {
  if (room === undefined || lines.length <= room) return lines
  const shown = Math.max(0, room - 1)
  return [...lines.slice(0, shown), `... and ${lines.length - shown} more`]
}

function pad(text: string, width: number, align: Column['align'] | undefined): string {
  return align === 'right' ? text.padStart(width) : text.padEnd(width)
}

function milliseconds(seconds: number | undefined): string {
  if (seconds === undefined) return '-'
  const ms = seconds * 1_000
  return ms < 10 ? ms.toFixed(1) : ms.toFixed(0)
}

function secondsSince(time: number, now: number): string {
  return time > 0 ? String(Math.max(0, Math.floor(now - time))) : '-'
}

const plain = (text: string): string => printable(text, 80)
