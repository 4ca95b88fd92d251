/**
 * Blocks that peers ask for (wire-protocol 5.7, 5.19, 12.4). They are sent as they are stored, behind a frame header
 * that is made of the stored checksum: neither decoded nor hashed nor copied. Each peer's questions are answered in
 * order, and read from the disk in runs while little waits to be sent to it; with many of them open its further
 * messages wait. So a peer that asks and does not read costs one run, and keeps nobody else from his.
 */
import type { Chain } from '../chain/chain.ts'
import { type HeaderNode, hashKey } from '../chain/header-node.ts'
import type { StoredBlock } from '../chain/io.ts'
import {
  ASKED_BLOCKS_HIGH,
  BLOCK_TXN_DEPTH,
  LARGE_BLOCK_BYTES,
  MAX_ASKED_BLOCKS,
  MAX_MISSED_BLOCKS,
  MAX_RUN_BLOCKS,
  MAX_RUN_BYTES,
  MISSED_BLOCK_MS,
  MISSES_PER_WORK,
  SEND_QUEUE_HIGH_BYTES,
  SEND_QUEUE_LOW_BYTES,
  SERVING_BYTES_TOTAL,
} from '../params/limits.ts'
import { messageChecksum } from '../primitives/sha3.ts'
import { type Inventory, InvType } from '../wire/inventory.ts'
import type { MessageError, MessageOf, MessageType } from '../wire/messages.ts'
import { blockTransactionsPayload } from './compact-messages.ts'
import type { RelayHooks } from './hooks.ts'
import { RecentBlock, type RecentBlocks } from './recent-blocks.ts'
import type { Ask, RelayPeer } from './relay-peer.ts'

const BAD_INDEX: MessageError = { type: 'getblocktxn', code: 'badValue', field: 'index', offset: 33 }

export class BlockServer {
  readonly #chain: Chain
  readonly #recent: RecentBlocks
  readonly #hooks: RelayHooks
  readonly #peers: () => Iterable<RelayPeer>
  #readingBytes = 0
  /** Bytes of the smallest large block that somebody has to wait for; infinite if nobody has to. */
  #heldBytes = Number.POSITIVE_INFINITY

  constructor(chain: Chain, recent: RecentBlocks, hooks: RelayHooks, peers: () => Iterable<RelayPeer>) {
    this.#chain = chain
    this.#recent = recent
    this.#hooks = hooks
    this.#peers = peers
  }

  /** The blocks among what is asked for, as far as we have them; nobody is told what we don't have. */
  onGetdata(peer: RelayPeer, inventory: Inventory): readonly HeaderNode[] {
    const found: HeaderNode[] = []
    let misses = 0
    for (let i = 0; i < inventory.length && peer.asks.length < MAX_ASKED_BLOCKS; i++) {
      const { type, hash } = inventory.at(i)
      if (type !== InvType.block) continue
      const node = this.#chain.tree.get(hash)
      if (node === undefined || !this.#isServed(node)) {
        misses++
        if (node?.isFailed !== true) this.#miss(peer, hash)
        continue
      }
      found.push(node)
      peer.asks.push({ node, indexes: undefined })
    }
    peer.peer.allowance.useWork(misses / MISSES_PER_WORK)
    this.#serve(peer)
    return found
  }

  onGetblocktxn(peer: RelayPeer, { blockHash, indexes }: MessageOf<'getblocktxn'>): void {
    peer.peer.allowance.useWork()
    const node = this.#chain.tree.get(blockHash)
    if (node === undefined || !this.#isServed(node)) return
    if (!isAscending(indexes)) return this.#hooks.offend(peer.peer, 'badIndex', BAD_INDEX)
    if (peer.asks.length >= MAX_ASKED_BLOCKS) return
    const isRecent = node.height >= this.#chain.tip.height - BLOCK_TXN_DEPTH
    peer.asks.push({ node, indexes: isRecent ? indexes : undefined })
    this.#serve(peer)
  }

  /** Blocks have become part of the chain: those get them who asked a moment too early, and wait for them. */
  onTip(peers: Iterable<RelayPeer>, connected: readonly HeaderNode[]): void {
    const since = this.#hooks.now().mono - MISSED_BLOCK_MS
    const news = connected.slice(-MAX_MISSED_BLOCKS)
    for (const peer of peers) {
      if (peer.missed.size === 0) continue
      for (const node of news) {
        const at = peer.missed.get(node.key)
        peer.missed.delete(node.key)
        // What it has meanwhile from somebody else it does not want twice.
        if (at === undefined || at < since || peer.known.hasBlock(node)) continue
        if (peer.asks.length >= MAX_ASKED_BLOCKS || !this.#isServed(node)) continue
        peer.asks.push({ node, indexes: undefined })
        peer.known.give(node)
      }
      this.#serve(peer)
    }
  }

  /** Bytes for the peer have left. */
  onFlushed(peer: RelayPeer): void {
    if (peer.asks.length > 0) this.#serve(peer)
  }

  /** Is there room for a large block that somebody had to wait for? */
  get isDue(): boolean {
    return this.#heldBytes < Number.POSITIVE_INFINITY && this.#hasRoomFor(this.#heldBytes)
  }

  /** Serves those who had to wait. */
  due(): void {
    this.#heldBytes = Number.POSITIVE_INFINITY
    for (const peer of this.#peers()) if (peer.asks.length > 0) this.#serve(peer)
  }

  /** The peer is gone; what is being read for it is no longer wanted. */
  forget(peer: RelayPeer): void {
    this.#readingBytes -= peer.readingBytes
    peer.readingBytes = 0
    peer.asks.length = 0
    peer.missed.clear()
  }

  #miss({ missed }: RelayPeer, hash: Uint8Array): void {
    const key = hashKey(hash)
    missed.delete(key)
    missed.set(key, this.#hooks.now().mono)
    if (missed.size <= MAX_MISSED_BLOCKS) return
    const [oldest] = missed.keys()
    if (oldest !== undefined) missed.delete(oldest)
  }

  /** Stored, and not known to be bad. The first block is part of the program. */
  #isServed(node: HeaderNode): boolean {
    return node === this.#chain.tree.genesis || (node.position !== undefined && !node.isFailed)
  }

  #serve(peer: RelayPeer): void {
    while (peer.asks.length > 0 && !peer.gone && peer.readingBytes === 0) {
      const run = this.#nextRun(peer)
      if (run.length === 0) break
      this.#answer(peer, run)
    }
    const mustWait = isFull(peer.asks)
    if (peer.peer.awaitsBlocks && !mustWait) {
      // We did not read from it, so its silence was our doing.
      peer.peer.waitIsOver(this.#hooks.now().mono)
      this.#hooks.touched(peer.peer)
    }
    peer.peer.awaitsBlocks = mustWait
  }

  /** What is to be answered next; nothing while enough waits to be sent. */
  #nextRun({ asks, peer }: RelayPeer): Ask[] {
    const { bytes } = peer.sendQueue
    if (bytes > SEND_QUEUE_LOW_BYTES) return []
    // When memory is short, everybody still gets one block at a time.
    const isShort = this.#hooks.sendingBytes() + this.#readingBytes > SERVING_BYTES_TOTAL
    if (isShort && bytes > 0) return []
    const firstBytes = asks[0]?.node.position?.length ?? 0
    if (firstBytes > LARGE_BLOCK_BYTES && !this.#hasRoomFor(firstBytes)) {
      this.#heldBytes = Math.min(this.#heldBytes, firstBytes)
      return []
    }
    const run: Ask[] = []
    let runBytes = 0
    for (const ask of asks) {
      const length = ask.node.position?.length ?? 0
      if (run.length > 0 && (isShort || runBytes + length > MAX_RUN_BYTES)) break
      if (run.length === MAX_RUN_BLOCKS) break
      run.push(ask)
      runBytes += length
    }
    return run
  }

  /** Counted as of now, for what was queued within this input is not in the sum of all peers. */
  #hasRoomFor(bytes: number): boolean {
    let busyBytes = this.#readingBytes
    for (const { peer } of this.#peers()) busyBytes += peer.sendQueue.bytes
    return busyBytes <= SEND_QUEUE_HIGH_BYTES || busyBytes + bytes <= SERVING_BYTES_TOTAL
  }

  /** Answers at once what is at hand, and the rest when it has been read. */
  #answer(peer: RelayPeer, run: readonly Ask[]): void {
    const blocks = run.map(({ node }) => this.#recent.get(node))
    const missing = run.filter((_, i) => blocks[i] === undefined)
    if (missing.length === 0) {
      for (const [i, ask] of run.entries()) this.#send(peer, ask, blocks[i])
      peer.asks.splice(0, run.length)
      return
    }
    // One byte more, so that it is never 0 while something is read.
    const bytes = missing.reduce((sum, { node }) => sum + (node.position?.length ?? 0), 1)
    peer.readingBytes = bytes
    this.#readingBytes += bytes
    const nodes = missing.map(({ node }) => node)
    this.#chain.read(nodes, (read) => {
      if (peer.gone) return
      this.#readingBytes -= bytes
      peer.readingBytes = 0
      let next = 0
      for (const [i, ask] of run.entries()) {
        const block = blocks[i] ?? this.#keep(ask.node, read[next++])
        this.#send(peer, ask, block)
      }
      peer.asks.splice(0, run.length)
      this.#serve(peer)
    })
  }

  /** Blocks near the tip are soon asked for again. */
  #keep(node: HeaderNode, block: StoredBlock | undefined): RecentBlock | undefined {
    if (block === undefined) return undefined
    if (node.height < this.#chain.tip.height - BLOCK_TXN_DEPTH)
      return new RecentBlock(block, this.#hooks.form)
    this.#recent.put(node, block)
    return this.#recent.get(node) ?? new RecentBlock(block, this.#hooks.form)
  }

  #send(peer: RelayPeer, { node, indexes }: Ask, block: RecentBlock | undefined): void {
    if (block === undefined || peer.gone) return
    const contents = indexes === undefined ? undefined : block.contents
    if (indexes !== undefined && contents !== undefined) {
      if ((indexes.at(-1) ?? 0) >= contents.count) return this.#hooks.offend(peer.peer, 'badIndex', BAD_INDEX)
      const payload = blockTransactionsPayload(node.hash, contents, indexes)
      return this.#sendPayload(peer, 'blocktxn', payload, messageChecksum(payload))
    }
    this.#sendPayload(peer, 'block', block.payload, block.checksum)
    peer.known.give(node)
  }

  #sendPayload({ peer }: RelayPeer, type: MessageType, payload: Uint8Array, checksum: number): void {
    const { sayer } = this.#hooks
    sayer.sendFrame(peer, type, sayer.frameHeader(type, payload.length, checksum), payload)
  }
}

/** Does so much wait that further messages of the peer have to, too? Questions for parts are large and dear. */
function isFull(asks: readonly Ask[]): boolean {
  return asks.length >= ASKED_BLOCKS_HIGH || asks.some(({ indexes }) => indexes !== undefined)
}

/** No place twice: an answer is never larger than its block. */
function isAscending(indexes: readonly number[]): boolean {
  return indexes.every((index, i) => i === 0 || index > (indexes[i - 1] ?? index))
}
