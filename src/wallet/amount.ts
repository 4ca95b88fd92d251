/** Amounts as people write them: DIL with up to eight decimals, never rounded on the way to ions. */
import { COIN } from '../chain/transaction-rules.ts'

/** There are no more ions than that. */
const MAX_IONS = 21_000_000 * COIN
const DECIMALS = 8

/**
 * Ions of an amount in DIL. A number stands for the decimal fraction that it is written as, which is exact for all
 * amounts that there can be. Undefined if it is none, negative, or has more than eight decimals.
 */
export function ionsOf(amount: string | number): number | undefined {
  const text = typeof amount === 'number' ? numberText(amount) : amount.trim()
  const match = /^(\d{1,8})(?:\.(\d{1,8}))?$/.exec(text ?? '')
  if (match === null) return undefined
  const [, whole = '', decimals = ''] = match
  const ions = Number(whole) * COIN + Number(decimals.padEnd(DECIMALS, '0'))
  return ions <= MAX_IONS ? ions : undefined
}

/** As a JSON number has it: the nearest to the exact fraction, which no other amount has. */
export function dilOf(ions: number): number {
  return ions / COIN
}

/** Such as "12.50000000" or "-0.00010000", exactly. Throws RangeError unless it is a whole number of ions. */
export function formatDil(ions: number | bigint): string {
  const digits = String(BigInt(ions))
    .replace('-', '')
    .padStart(DECIMALS + 1, '0')
  return `${ions < 0 ? '-' : ''}${digits.slice(0, -DECIMALS)}.${digits.slice(-DECIMALS)}`
}

/** Undefined if it is not a number of at most eight decimals. */
function numberText(amount: number): string | undefined {
  if (!Number.isFinite(amount) || amount < 0) return undefined
  const text = amount.toFixed(DECIMALS)
  return Number(text) === amount ? text : undefined
}
