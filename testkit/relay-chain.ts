/** A chain without rules whose blocks are on a disk: reading them takes until a test lets it. */
import { ActiveHeaders } from '../src/chain/active-headers.ts'
import type { ChainHooks } from '../src/chain/chain.ts'
import type { HeaderNode } from '../src/chain/header-node.ts'
import type { IoRequest, StoredBlock } from '../src/chain/io.ts'
import type { Source } from '../src/chain/outcomes.ts'
import type { PeerId } from '../src/primitives/brand.ts'
import { sha3_256 } from '../src/primitives/sha3.ts'
import type { Block } from '../src/wire/block.ts'
import type { HeaderList } from '../src/wire/header.ts'
import type { Message } from '../src/wire/messages.ts'
import type { Transaction } from '../src/wire/transaction.ts'
import { encodeBlock } from './chain-bytes.ts'
import { type FakeBlock, FakeChain } from './fake-chain.ts'
import { blockOf } from './relay-blocks.ts'
import { CoreProbe, type ProbeOptions } from './sim/probe.ts'
import { versionOf } from './sim/scripted.ts'

export class DiskChain extends FakeChain {
  override isInitialDownload = false
  readonly #hooks: ChainHooks
  readonly #served = new ActiveHeaders()
  /** By offset. */
  readonly #disk = new Map<number, StoredBlock>()
  /** Offsets of what turns out to be damaged. */
  readonly damaged = new Set<number>()

  constructor(hooks: ChainHooks) {
    super(hooks)
    this.#hooks = hooks
  }

  override submitBlock(source: Source, block: Block, received = storedOf(block)): void {
    super.submitBlock(source, block, received)
    const offset = this.tree.find(block.header.bytes)?.position?.offset
    if (offset !== undefined) this.#disk.set(offset, received)
  }

  /** As the engine does, with one list for each whole run; reorganisations are not thought of. */
  override headersAfter(locator: readonly Uint8Array[], stop: Uint8Array): HeaderList {
    for (let height = this.#served.height + 1; height <= this.tip.height; height++) {
      const node = this.activeAt(height)
      if (node !== undefined) this.#served.push(node)
    }
    const nodes = locator.map((hash) => this.tree.get(hash))
    const base = nodes.find((node) => node !== undefined && this.isActive(node))?.height ?? 0
    const last = this.tree.get(stop)?.height ?? Number.POSITIVE_INFINITY
    return this.#served.slice(base + 1, last - base)
  }

  override read(
    nodes: readonly HeaderNode[],
    done: (blocks: readonly (StoredBlock | undefined)[]) => void,
  ): void {
    const positions = nodes.flatMap(({ position }) => (position === undefined ? [] : [position]))
    this.#hooks.ask({ kind: 'read', positions, verify: false }, (result) =>
      done(result.ok ? (result.value as (StoredBlock | undefined)[]) : nodes.map(() => undefined)),
    )
  }

  /** What the disk answers. */
  answer(request: IoRequest): readonly (StoredBlock | undefined)[] {
    if (request.kind !== 'read') throw new Error(`'${request.kind}' of a disk that is only read`)
    return request.positions.map(({ offset }) =>
      this.damaged.has(offset) ? undefined : this.#disk.get(offset),
    )
  }
}

/** A core with such a chain in the hand. */
export class RelayProbe extends CoreProbe {
  readonly chain: DiskChain
  /** Questions to the disk that were answered or are to be. */
  readonly reads: { readonly id: number; readonly request: IoRequest }[] = []

  constructor(options: ProbeOptions = {}) {
    let chain: DiskChain | undefined
    super({
      ...options,
      chain: (hooks) => {
        chain = new DiskChain(hooks)
        return chain
      },
    })
    if (chain === undefined) throw new Error('no chain was made')
    this.chain = chain
  }

  /** Answers what is asked of the disk, again and again until nothing is. Returns how many answers it took. */
  readAll(): number {
    let answers = 0
    while (this.readNext()) answers++
    return answers
  }

  /** Answers one question, the oldest or the newest; false if there is none. */
  readNext(newest = false): boolean {
    const next = this.openReads.at(newest ? -1 : 0)
    if (next === undefined) return false
    this.reads.push(next)
    this.handle({ type: 'ioDone', id: next.id, result: { ok: true, value: this.chain.answer(next.request) } })
    return true
  }

  /** Questions to the disk without an answer yet. */
  get openReads(): { readonly id: number; readonly request: IoRequest }[] {
    const asked = this.effects.flatMap((effect) => (effect.type === 'io' ? [effect] : []))
    const answered = new Set(this.reads.map(({ id }) => id))
    return asked.filter(({ id }) => !answered.has(id))
  }

  /** Blocks that become the tip, one input for all. */
  mine(...blocks: readonly Block[]): void {
    this.handle({
      type: 'withChain',
      use: (chain) => {
        for (const block of blocks) chain.submitBlock('local', block)
      },
    })
  }

  /** A peer that asked for announcements as other nodes do; what it was told so far is forgotten. */
  modern(ip: string, ...messages: Message[]): PeerId {
    const id = this.ready(ip)
    this.receive(id, ...messages)
    this.flush(id)
    this.effects = this.effects.filter((effect) => effect.type === 'io')
    return id
  }

  /** A peer of the first release. */
  old(ip: string, nonce = 0n): PeerId {
    const id = this.accept(ip)
    if (id === undefined) throw new Error('refused')
    this.receive(id, { ...versionOf(this.network), nonce }, { type: 'verack' })
    return id
  }

  /** Has everything that was said to the peer leave, reading for it what it asked for. Messages since `effects`. */
  take(id: PeerId): Message[] {
    while (this.peer(id).sendQueue.bytes > 0 || this.openReads.length > 0) {
      this.readAll()
      this.flush(id)
    }
    return this.sentTo(id)
  }
}

/** A block of transactions behind another, in the form that a chain in tests takes. */
export function realBlock(
  parent: { readonly hash: Uint8Array },
  transactions: readonly Transaction[],
  nonce = 0,
): FakeBlock {
  const block = blockOf(transactions, nonce, parent.hash)
  return { ...block, hash: sha3_256(block.header.bytes) }
}

/** As it is stored and served. */
export function storedOf(block: Block): StoredBlock {
  return encodeBlock(block)
}
