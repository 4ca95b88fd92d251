/**
 * Bodies of the newest blocks, which everybody asks for at once: a few, of a few megabytes in all, so that they are
 * neither read again nor taken apart again. What peers offer is kept aside until the chain has stored it.
 */
import type { HeaderNode } from '../chain/header-node.ts'
import type { StoredBlock } from '../chain/io.ts'
import type { PayloadForm } from '../params/chain-params.ts'
import { MAX_OFFERED_BLOCKS, MAX_RECENT_BLOCKS, RECENT_BLOCKS_BYTES } from '../params/limits.ts'
import { bytesEqual } from '../primitives/bytes.ts'
import { decodePayload } from '../wire/messages.ts'
import { BlockContents } from './block-contents.ts'

export class RecentBlock implements StoredBlock {
  readonly payload: Uint8Array
  readonly checksum: number
  readonly #form: PayloadForm
  #contents: BlockContents | undefined
  #taken = false

  constructor({ payload, checksum }: StoredBlock, form: PayloadForm) {
    this.payload = payload
    this.checksum = checksum
    this.#form = form
  }

  /** Its transactions; undefined if it can only travel whole. */
  get contents(): BlockContents | undefined {
    if (this.#taken) return this.#contents
    this.#taken = true
    const decoded = decodePayload('block', this.payload, this.#form)
    if (decoded.ok) this.#contents = BlockContents.of(decoded.value.block.transactionData)
    return this.#contents
  }
}

interface Offer {
  readonly header: Uint8Array
  readonly block: StoredBlock
}

export class RecentBlocks {
  readonly #form: PayloadForm
  /** Least recently used first. */
  readonly #kept = new Map<HeaderNode, RecentBlock>()
  #offers: Offer[] = []
  #bytes = 0

  /** `form`: of the network's messages. */
  constructor(form: PayloadForm) {
    this.#form = form
  }

  /** Bytes of all payloads kept. */
  get bytes(): number {
    return this.#bytes
  }

  get(node: HeaderNode): RecentBlock | undefined {
    const block = this.#kept.get(node)
    if (block === undefined) return undefined
    this.#kept.delete(node)
    this.#kept.set(node, block)
    return block
  }

  put(node: HeaderNode, block: StoredBlock): void {
    if (this.#kept.has(node)) return
    const kept = new RecentBlock(ownMemory(block), this.#form)
    this.#kept.set(node, kept)
    this.#bytes += kept.payload.length
    for (const [oldest, { payload }] of this.#kept) {
      if (this.#kept.size <= MAX_RECENT_BLOCKS && this.#bytes <= RECENT_BLOCKS_BYTES) break
      this.#kept.delete(oldest)
      this.#bytes -= payload.length
    }
  }

  /** A block is on its way into the chain. `header`: its bytes. */
  offer(header: Uint8Array, block: StoredBlock): void {
    if (block.payload.length > RECENT_BLOCKS_BYTES) return
    this.#offers.push({ header, block })
    if (this.#offers.length > MAX_OFFERED_BLOCKS) this.#offers.shift()
  }

  /** The chain has said what it thinks of a block that was offered; `keep` if it is good and new. */
  judged(node: HeaderNode, keep: boolean): void {
    const offer = this.#offers.find(({ header }) => bytesEqual(header, node.bytes))
    if (offer === undefined) return
    this.#offers = this.#offers.filter((other) => other !== offer)
    if (keep) this.put(node, offer.block)
  }
}

/** A small view would keep the large piece that was received or read alive. */
function ownMemory({ payload, checksum }: StoredBlock): StoredBlock {
  const isOwn = 2 * payload.length > payload.buffer.byteLength
  return { payload: isOwn ? payload : payload.slice(), checksum }
}
