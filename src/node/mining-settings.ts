/** The options about mining, checked. */
import { MAX_MINING_INTERVAL_SECONDS, MAX_MINING_THREADS } from '../params/limits.ts'
import { UserError } from '../primitives/errors.ts'
import { decodeAddress, describeAddressError } from '../script/address.ts'
import { p2pkhScript } from '../script/templates.ts'
import type { Settings } from './config.ts'

export interface MiningSettings {
  /** Mine from the start. */
  readonly isOn: boolean
  /** Undefined for as many as the machine makes. */
  readonly threads: number | undefined
  /** Where rewards go; undefined if that is not said. */
  readonly script: Uint8Array | undefined
  /** Undefined for the default. */
  readonly intervalMs: number | undefined
  readonly fullDatasetWhileMining: boolean
}

/** `hasWallet`: can one be asked for an address? */
export function miningSettings(settings: Settings, hasWallet: boolean): MiningSettings {
  const isOn = settings.flag('mine', false)
  const script = rewardScript(settings)
  if (isOn && script === undefined && !hasWallet)
    throw new UserError('mining needs an address that rewards go to: give one with --mining-address=D...')
  const seconds = settings.whole('mining-interval', 0, MAX_MINING_INTERVAL_SECONDS)
  return {
    isOn,
    threads: threadCount(settings),
    script,
    intervalMs: seconds === undefined ? undefined : 1_000 * seconds,
    fullDatasetWhileMining: settings.text('randomx') === undefined,
  }
}

function rewardScript(settings: Settings): Uint8Array | undefined {
  const text = settings.text('mining-address')
  if (text === undefined) return undefined
  const decoded = decodeAddress(text)
  if (decoded.ok) return p2pkhScript(decoded.value)
  const { message } = settings.error('mining-address', text, 'an address that begins with D')
  throw new UserError(`${message}: ${describeAddressError(decoded.error)}`)
}

function threadCount(settings: Settings): number | undefined {
  const text = settings.text('threads')
  if (text === undefined || text === 'auto') return undefined
  const count = /^\d{1,3}$/.test(text) ? Number(text) : 0
  if (count >= 1 && count <= MAX_MINING_THREADS) return count
  throw settings.error('threads', text, `auto, or a whole number from 1 to ${MAX_MINING_THREADS}`)
}
