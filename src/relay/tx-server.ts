/**
 * Gives transactions to those who ask (wire-protocol 5.7): what they were told of, and what has been told to others for
 * so long that it shows nothing; silence otherwise. As much at a time as there is room for in the peer's queue.
 */
import { hashKey } from '../chain/header-node.ts'
import type { MempoolEntry } from '../mempool/entry.ts'
import { MAX_TX_ASKED, MISSES_PER_WORK, SEND_QUEUE_LOW_BYTES, TX_PUBLIC_AFTER_MS } from '../params/limits.ts'
import type { Now } from '../primitives/brand.ts'
import { messageChecksum } from '../primitives/sha3.ts'
import { type Inventory, InvType } from '../wire/inventory.ts'
import type { Sayer } from './hooks.ts'
import type { TxPeer } from './tx-peer.ts'

export interface TxServerHooks {
  readonly sayer: Sayer
  get(key: string): MempoolEntry | undefined
  /** When anybody was told of it first. */
  toldAt(entry: MempoolEntry): number | undefined
}

export class TxServer {
  readonly #hooks: TxServerHooks
  /** What stands before each in its message, made once. */
  readonly #heads = new WeakMap<MempoolEntry, Uint8Array>()

  constructor(hooks: TxServerHooks) {
    this.#hooks = hooks
  }

  onGetdata(peer: TxPeer, inventory: Inventory, now: Now): void {
    let misses = 0
    for (let i = 0; i < inventory.length && peer.asks.length < MAX_TX_ASKED; i++) {
      const { type, hash } = inventory.at(i)
      if (type !== InvType.transaction) continue
      const entry = this.#hooks.get(hashKey(hash))
      if (entry !== undefined && this.#mayHave(peer, entry, now)) peer.asks.push(entry)
      else misses++
    }
    peer.peer.allowance.useWork(misses / MISSES_PER_WORK)
    this.serve(peer)
  }

  /** Sends what was asked for while there is room. */
  serve(peer: TxPeer): void {
    let sent = 0
    for (const entry of peer.asks) {
      if (peer.peer.sendQueue.bytes > SEND_QUEUE_LOW_BYTES) break
      sent++
      // It may have been mined while it waited; the peer will find that out, or has.
      if (this.#hooks.get(entry.key) !== entry) continue
      if (!this.#hooks.sayer.sendFrame(peer.peer, 'tx', this.#headOf(entry), entry.bytes)) return
    }
    peer.asks = sent === peer.asks.length ? [] : peer.asks.slice(sent)
  }

  /** What waits for a parent was never told, and so is not given. */
  #mayHave(peer: TxPeer, entry: MempoolEntry, { mono }: Now): boolean {
    if (entry.parents.size > 0) return false
    if (peer.told.has(entry.key)) return true
    const toldAt = this.#hooks.toldAt(entry)
    return toldAt !== undefined && toldAt <= mono - TX_PUBLIC_AFTER_MS
  }

  #headOf(entry: MempoolEntry): Uint8Array {
    const known = this.#heads.get(entry)
    if (known !== undefined) return known
    const head = this.#hooks.sayer.frameHeader('tx', entry.bytes.length, messageChecksum(entry.bytes))
    this.#heads.set(entry, head)
    return head
  }
}
