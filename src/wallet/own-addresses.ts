/** Which addresses are this wallet's, and what keys belong to them. As large as the wallet file is. */
import { latin1Decode } from '../primitives/bytes.ts'
import type { KeyPlace } from './keyring.ts'
import type { WalletContent } from './wallet-file.ts'

export class OwnAddresses {
  readonly #places = new Map<string, KeyPlace>()
  readonly #counts = { receiving: 0, change: 0, imported: 0 }

  get size(): number {
    return this.#places.size
  }

  /** Of a HASH160; undefined if it is of somebody else. */
  find(hash: Uint8Array): KeyPlace | undefined {
    return this.#places.get(latin1Decode(hash))
  }

  /** The wallet has these addresses now: those known before, and more behind them. */
  update(content: Pick<WalletContent, 'receiving' | 'change' | 'imported'>): void {
    const { receiving, change, imported } = content
    const lists = { receiving: receiving.hashes, change: change.hashes, imported } as const
    for (const kind of ['receiving', 'change', 'imported'] as const) {
      const known = this.#counts[kind]
      for (const [i, hash] of lists[kind].slice(known).entries())
        this.#places.set(latin1Decode(hash), { kind, index: known + i })
      this.#counts[kind] = lists[kind].length
    }
  }
}
