/**
 * A chain without rules, disk and proof of work, for tests of those who live by one: every header whose parent it
 * has is good, every block of such a header is stored, the most work wins. Its answers can be kept back or changed.
 */
import type { Chain, ChainHooks, MempoolChain } from '../src/chain/chain.ts'
import { fault } from '../src/chain/faults.ts'
import { type HeaderNode, hashKey, NodeFlag } from '../src/chain/header-node.ts'
import { HeaderTree } from '../src/chain/header-tree.ts'
import type { StoredBlock } from '../src/chain/io.ts'
import type {
  BlockOutcome,
  BlockVerdict,
  ChainOutcome,
  HeadersOutcome,
  Source,
} from '../src/chain/outcomes.ts'
import { monoMs, type PeerId } from '../src/primitives/brand.ts'
import { sha3_256 } from '../src/primitives/sha3.ts'
import type { Block } from '../src/wire/block.ts'
import { BlockHeader, HeaderList } from '../src/wire/header.ts'

/** Work of each block. */
const WORK = 2n
const BITS = 0x207f_ffff
const GENESIS_TIME = 1_761_436_800
const MAX_LOCATOR = 32

export interface FakeBlock extends Block {
  readonly hash: Uint8Array
}

/** A block behind another. `salt` makes siblings; `size`: bytes of its body. */
export function fakeBlock(
  parent: { readonly hash: Uint8Array; readonly time?: number },
  salt = 0,
  size = 60,
): FakeBlock {
  const transactionData = new Uint8Array(size).fill(salt)
  const header = BlockHeader.of({
    version: 1,
    previousHash: parent.hash,
    merkleRoot: sha3_256(transactionData),
    time: (parent.time ?? GENESIS_TIME) + 240,
    bits: BITS,
    nonce: salt,
  })
  return { header, transactionData, hash: sha3_256(header.bytes) }
}

export const FAKE_GENESIS = fakeBlock({ hash: new Uint8Array(32), time: GENESIS_TIME - 240 })

/** A run of blocks, each behind the one before; the first behind `from`. */
export function fakeBlocks(count: number, from: FakeBlock = FAKE_GENESIS, salt = 0, size = 60): FakeBlock[] {
  const blocks: FakeBlock[] = []
  let parent = { hash: from.hash, time: from.header.time }
  for (let i = 0; i < count; i++) {
    const block = fakeBlock(parent, salt, size)
    blocks.push(block)
    parent = { hash: block.hash, time: block.header.time }
  }
  return blocks
}

export const headersOf = (blocks: readonly Block[]): HeaderList =>
  HeaderList.of(blocks.map(({ header }) => header))

export class FakeChain implements Chain {
  readonly tree = new HeaderTree(FAKE_GENESIS.hash, FAKE_GENESIS.header.bytes, WORK)
  tip = this.tree.genesis
  bestHeader = this.tree.genesis
  isInitialDownload = true
  /** A test may put something here before the core asks for it. */
  readonly forMempool: MempoolChain | undefined = undefined
  pendingBytes = 0
  readonly nextDeadline = monoMs(Number.POSITIVE_INFINITY)
  stopped = false
  /** While true, answers are kept and given by {@link release}. */
  held = false
  /** What is said of a block instead of that it is stored, by {@link hashKey}; used once. */
  readonly verdicts = new Map<string, BlockVerdict>()
  /** Says something else about headers, if it returns anything. */
  judgeHeaders: ((headers: HeaderList, source: Source) => Partial<HeadersOutcome> | undefined) | undefined
  /** Blocks that turn out bad when their turn to be connected comes, by {@link hashKey}. */
  readonly unconnectable = new Set<string>()
  readonly forgotten: PeerId[] = []
  readonly #bodies = new Map<string, StoredBlock | undefined>()
  readonly #active: HeaderNode[] = [this.tree.genesis]
  readonly #kept: ChainOutcome[] = []
  readonly #hooks: ChainHooks

  constructor(hooks: ChainHooks) {
    this.#hooks = hooks
    this.tree.genesis.chainStored = true
    this.tree.genesis.position = { file: 0, offset: 0, length: 141 }
  }

  /** Takes blocks as if they had been there from the start. */
  grow(blocks: readonly FakeBlock[]): void {
    const { held } = this
    this.held = true
    for (const block of blocks) this.submitBlock('local', block)
    this.#kept.length = 0
    this.held = held
  }

  due(): void {}

  caughtUp(): void {
    this.isInitialDownload = false
  }

  release(): void {
    this.held = false
    for (const outcome of this.#kept.splice(0)) this.#hooks.outcome(outcome)
  }

  /** Finds the header at this height false, and forgets it with all on top of it. Their blocks must not be there. */
  takeOut(height: number): void {
    const node = this.bestHeader.ancestor(height)
    if (node?.parent === undefined) throw new Error('no such header')
    const { length: count } = this.tree.remove(node)
    this.bestHeader = node.parent
    this.#say({ type: 'falseHeaders', behind: node.parent, count })
  }

  activeAt(height: number): HeaderNode | undefined {
    return this.#active[height]
  }

  isActive(node: HeaderNode): boolean {
    return this.#active[node.height] === node
  }

  locator(from: HeaderNode): Uint8Array[] {
    const hashes: Uint8Array[] = []
    let step = 1
    let node: HeaderNode | undefined = from
    while (node !== undefined && hashes.length < MAX_LOCATOR - 1) {
      hashes.push(node.hash)
      if (node.height === 0) return hashes
      if (hashes.length >= 10) step *= 2
      node = node.ancestor(Math.max(0, node.height - step))
    }
    hashes.push(this.tree.genesis.hash)
    return hashes
  }

  headersAfter(locator: readonly Uint8Array[], stop: Uint8Array): HeaderList {
    const base = locator
      .map((hash) => this.tree.get(hash))
      .find((node) => node !== undefined && this.isActive(node))
    const from = (base?.height ?? 0) + 1
    const nodes = this.#active.slice(from, from + 2_000)
    const end = nodes.findIndex((node) => node.key === hashKey(stop))
    return HeaderList.of((end < 0 ? nodes : nodes.slice(0, end + 1)).map((node) => node.header))
  }

  submitHeaders(source: Source, headers: HeaderList): void {
    const said = this.judgeHeaders?.(headers, source)
    const outcome: HeadersOutcome = {
      type: 'headers',
      source,
      count: headers.length,
      verdict: 'accepted',
      fault: undefined,
      last: undefined,
      added: 0,
      staged: undefined,
    }
    if (said !== undefined) return this.#say({ ...outcome, ...said })
    let last: HeaderNode | undefined
    let added = 0
    for (const header of headers) {
      const known = this.tree.find(header.bytes)
      const node = known ?? this.#add(header)
      if (node === undefined) return this.#say({ ...outcome, verdict: 'unconnected' })
      if (node.isFailed)
        return this.#say({ ...outcome, verdict: 'invalid', fault: fault('bad-prevblk'), last })
      if (known === undefined) added++
      last = node
    }
    this.#say({ ...outcome, last, added })
  }

  submitBlock(source: Source, block: Block, received?: StoredBlock): void {
    const node = this.tree.find(block.header.bytes) ?? this.#add(block.header)
    const outcome: Omit<BlockOutcome, 'verdict'> = {
      type: 'block',
      source,
      fault: undefined,
      node,
      hash: node?.hash ?? sha3_256(block.header.bytes),
    }
    if (node === undefined) return this.#say({ ...outcome, verdict: 'orphan' })
    const said = this.verdicts.get(node.key)
    this.verdicts.delete(node.key)
    if (said !== undefined) {
      if (said === 'invalid') this.#markFailed(node)
      const broken = said === 'invalid' || said === 'mutated'
      return this.#say({ ...outcome, verdict: said, fault: broken ? fault('bad-txnmrklroot') : undefined })
    }
    if (node.isFailed) return this.#say({ ...outcome, verdict: 'invalid', fault: fault('bad-prevblk') })
    if (node.position !== undefined) return this.#say({ ...outcome, verdict: 'duplicate' })
    node.position = { file: 0, offset: node.id * 1_000, length: 81 + block.transactionData.length }
    this.#bodies.set(node.key, received)
    this.#say({ ...outcome, verdict: 'stored' })
    this.#connect(node, source)
  }

  read(nodes: readonly HeaderNode[], done: (blocks: readonly (StoredBlock | undefined)[]) => void): void {
    done(nodes.map((node) => this.#bodies.get(node.key)))
  }

  forget(source: PeerId): void {
    this.forgotten.push(source)
  }

  stop(): void {
    this.stopped = true
  }

  #add(header: BlockHeader): HeaderNode | undefined {
    const parent = this.tree.get(header.previousHash)
    if (parent === undefined) return undefined
    const bytes = header.bytes.slice()
    const node = this.tree.add(sha3_256(bytes), bytes, parent, parent.work + WORK)
    if (parent.isFailed) node.set(NodeFlag.failedAncestor)
    else if (node.work > this.bestHeader.work) this.bestHeader = node
    return node
  }

  #connect(node: HeaderNode, source: Source): void {
    if (node.parent?.chainStored !== true) return
    const open = [node]
    let best = this.tip
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (next.position === undefined || next.isFailed) continue
      if (this.unconnectable.has(next.key)) {
        this.#fail(next, source)
        continue
      }
      next.chainStored = true
      if (next.work > best.work) best = next
      for (let child = next.firstChild; child !== undefined; child = child.nextSibling) open.push(child)
    }
    if (best !== this.tip) this.#activate(best)
  }

  #fail(node: HeaderNode, source: Source): void {
    this.#markFailed(node)
    this.#say({ type: 'blockFailed', node, fault: fault('bad-cb-amount'), source })
  }

  #markFailed(node: HeaderNode): void {
    node.set(NodeFlag.failed)
    for (const child of this.tree.descendants(node)) child.set(NodeFlag.failedAncestor)
    this.bestHeader = this.tree.genesis
    for (const other of this.tree.all())
      if (!other.isFailed && other.work > this.bestHeader.work) this.bestHeader = other
  }

  #activate(tip: HeaderNode): void {
    const previous = this.tip
    const fork = this.tree.fork(previous, tip)
    const disconnected = this.#active.splice(fork.height + 1).reverse()
    const connected: HeaderNode[] = []
    for (let height = fork.height + 1; height <= tip.height; height++) {
      const node = tip.ancestor(height)
      if (node !== undefined) connected.push(node)
    }
    this.#active.push(...connected)
    this.tip = tip
    this.#say({ type: 'tip', tip, previous, disconnected, connected, catchingUp: this.isInitialDownload })
  }

  #say(outcome: ChainOutcome): void {
    if (this.held) this.#kept.push(outcome)
    else this.#hooks.outcome(outcome)
  }
}
