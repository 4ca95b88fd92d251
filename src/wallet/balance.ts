/** What a wallet has, by its history and by how the chain and the mempool stand. */
import type { OwnCoin, WalletHistory } from './history.ts'
import type { HistoryEntry } from './history-entry.ts'

/** How things stand outside the wallet. */
export interface Surroundings {
  readonly tipHeight: number
  /** Blocks after which what was mined can be spent. */
  readonly maturityBlocks: number
  /** Is a transaction of that key in the mempool? */
  isPending(key: string): boolean
}

/** In ions. What is spent by a transaction that waits counts as gone, what it brings as unconfirmed. */
export interface Balance {
  /** Can be spent now. */
  readonly confirmed: number
  readonly unconfirmed: number
  /** Mined, and too young to be spent. */
  readonly immature: number
}

/** An output that is not spent. */
export interface UnspentCoin extends OwnCoin {
  /** 0: not mined yet. */
  readonly confirmations: number
  readonly isMature: boolean
}

/** Has it been mined, or may it be? */
export function isAlive(entry: HistoryEntry, around: Surroundings): boolean {
  if (entry.block !== undefined || around.isPending(entry.key)) return true
  return entry.raw !== undefined && !entry.isFailed
}

/**
 * Does it count? What a payment of ours spends may have gone with a block that was undone; it is handed in again and
 * again, but till then nothing was spent by it, and nothing came of it.
 */
function doesCount(history: WalletHistory, entry: HistoryEntry, around: Surroundings): boolean {
  if (!isAlive(entry, around)) return false
  if (entry.block !== undefined || around.isPending(entry.key)) return true
  return entry.spent.every(({ coin }) => {
    const maker = history.makerOf(coin)
    return maker !== undefined && doesCount(history, maker, around)
  })
}

/** Blocks on top of it and its own; 0 if it has none. */
export function confirmationsOf({ block }: HistoryEntry, { tipHeight }: Surroundings): number {
  return block === undefined ? 0 : Math.max(0, tipHeight - block.height + 1)
}

export function* unspentCoins(history: WalletHistory, around: Surroundings): Generator<UnspentCoin> {
  for (const own of history.coins()) {
    const { entry, coin } = own
    if (!doesCount(history, entry, around)) continue
    let isSpent = false
    for (const spender of history.spendersOf(coin)) isSpent ||= doesCount(history, spender, around)
    if (isSpent) continue
    const confirmations = confirmationsOf(entry, around)
    // It must be that old in the block that would spend it, which is the next one.
    const isMature = !entry.isCoinbase || confirmations >= around.maturityBlocks
    yield { ...own, confirmations, isMature }
  }
}

export function balanceOf(history: WalletHistory, around: Surroundings): Balance {
  const balance = { confirmed: 0, unconfirmed: 0, immature: 0 }
  for (const { output, confirmations, isMature } of unspentCoins(history, around)) {
    if (confirmations === 0) balance.unconfirmed += output.value
    else if (isMature) balance.confirmed += output.value
    else balance.immature += output.value
  }
  return balance
}
