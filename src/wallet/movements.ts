/** A transaction as the owner of a wallet sees it: who was paid what, and what came in. */
import { encodeAddress } from '../script/address.ts'
import { p2pkhHash } from '../script/templates.ts'
import { isAlive, type Surroundings } from './balance.ts'
import type { HistoryEntry, OwnOutput } from './history-entry.ts'

export type MovementCategory =
  | 'send'
  | 'receive'
  /** Mined, and can be spent. */
  | 'generate'
  /** Mined, and too young to be spent. */
  | 'immature'

export interface Movement {
  readonly category: MovementCategory
  /** In ions; what leaves is negative. */
  readonly amount: number
  /** Empty if the output pays to no address. */
  readonly address: string
  /** Number of the output. */
  readonly index: number
  /** In ions, negative; only of what was sent, if it is known. */
  readonly fee: number | undefined
  /** Its transaction will not be mined any more. */
  readonly isAbandoned: boolean
}

/** `isChange`: does a key belong to the addresses that this wallet pays the rest to? */
export function movementsOf(
  entry: HistoryEntry,
  confirmations: number,
  around: Surroundings,
  isChange: (hash: Uint8Array) => boolean,
): Movement[] {
  const { spent, paid, received, isCoinbase, fee } = entry
  const isOurs = spent.length > 0
  const isAbandoned = !isAlive(entry, around)
  const sent = (output: { index: number; value: number }, address: string): Movement => ({
    category: 'send',
    amount: -output.value,
    address,
    index: output.index,
    fee: fee === undefined ? undefined : -fee,
    isAbandoned,
  })
  const category = !isCoinbase ? 'receive' : confirmations >= around.maturityBlocks ? 'generate' : 'immature'
  const came = ({ index, value, hash }: OwnOutput): Movement => ({
    category,
    amount: value,
    address: encodeAddress(hash),
    index,
    fee: undefined,
    isAbandoned,
  })
  // What is left over of a payment comes back, and is no news to anybody.
  const visible = received.filter(({ hash }) => !isOurs || !isChange(hash))
  if (!isOurs || paid.length > 0)
    return [...paid.map((output) => sent(output, addressOf(output.script))), ...visible.map(came)]
  // Paid to ourselves: it leaves, and comes.
  const shown = visible.length > 0 ? visible : received
  return [...shown.map((output) => sent(output, encodeAddress(output.hash))), ...shown.map(came)]
}

/** Empty if the script pays to no address. */
export function addressOf(script: Uint8Array): string {
  const hash = p2pkhHash(script)
  return hash === undefined ? '' : encodeAddress(hash)
}
