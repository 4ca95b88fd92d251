/** What the miner says, for the log. */
import { hashToHex } from '../primitives/bytes.ts'
import { encodeAddress } from '../script/address.ts'
import { p2pkhHash } from '../script/templates.ts'

export interface MinerNotice {
  readonly level: 'info' | 'warn'
  readonly text: string
  readonly fields: Readonly<Record<string, unknown>>
}

interface Counts {
  readonly found: number
  readonly accepted: number
  readonly stale: number
  readonly refused: number
}

export const lines = {
  started: (script: Uint8Array | undefined, threads: number): MinerNotice => {
    const to = script === undefined ? 'the wallet' : payeeText(script)
    const on = threads === 1 ? '1 thread' : `${threads} threads`
    return info(`Mining to ${to} on ${on}`, { event: 'miningStarted', to, threads })
  },
  stopped: (counts: Counts): MinerNotice =>
    info(`Mining stopped: ${describe(counts)}`, { event: 'miningStopped', ...counts }),
  waits: (why: string): MinerNotice => info(`Mining waits: ${why}`, { event: 'miningWaits', why }),
  goesOn: (): MinerNotice => info('Mining goes on', { event: 'miningGoesOn' }),
  found: (height: number, hash: Uint8Array): MinerNotice =>
    info(`Block found: ${height} ${hashToHex(hash)}`, place('blockFound', height, hash)),
  stale: (height: number, hash: Uint8Array): MinerNotice =>
    info(`Our block ${height} ${hashToHex(hash)} came too late`, place('blockStale', height, hash)),
  refused: (height: number, why: string): MinerNotice => ({
    level: 'warn',
    text: `Our own block ${height} is refused: ${why}`,
    fields: { event: 'blockRefused', height, why },
  }),
  rate: (hashesPerSecond: number, mode: string, counts: Counts): MinerNotice => {
    const text = `Mining with ${rateText(hashesPerSecond)} (${mode}): ${describe(counts)}`
    return info(text, { event: 'miningRate', hashesPerSecond, mode, ...counts })
  },
}

/** The address that a script pays to, or the script itself. */
export function payeeText(script: Uint8Array): string {
  const hash = p2pkhHash(script)
  return hash === undefined ? Buffer.from(script).toString('hex') : encodeAddress(hash)
}

export function rateText(hashesPerSecond: number): string {
  const units = ['H/s', 'kH/s', 'MH/s', 'GH/s']
  let rate = hashesPerSecond
  let unit = 0
  for (; rate >= 1_000 && unit < units.length - 1; unit++) rate /= 1_000
  return `${rate.toFixed(1)} ${units[unit]}`
}

function describe({ found, accepted, stale, refused }: Counts): string {
  const blocks = found === 1 ? '1 block' : `${found} blocks`
  const more = refused === 0 ? '' : `, ${refused} refused`
  return `${blocks} found, ${accepted} accepted, ${stale} too late${more}`
}

function place(event: string, height: number, hash: Uint8Array): MinerNotice['fields'] {
  return { event, height, hash: hashToHex(hash) }
}

function info(text: string, fields: MinerNotice['fields']): MinerNotice {
  return { level: 'info', text, fields }
}
