/** Takes blocks in: their header like any other, their body for itself. Connecting them is for later. */
import type { Block } from '../wire/block.ts'
import { HEADER_BYTES, HeaderList } from '../wire/header.ts'
import type { BlockStore } from './block-store.ts'
import { type Fault, fault } from './faults.ts'
import type { HeaderIntake } from './header-intake.ts'
import { type HeaderNode, NodeFlag } from './header-node.ts'
import type { HeaderTree } from './header-tree.ts'
import type { Job, StoredBlock } from './io.ts'
import type { BlockOutcome, BlockVerdict, Source } from './outcomes.ts'

export interface BlockIntakeHooks {
  /** A block is stored; it may be connected. */
  stored(node: HeaderNode): void
  /** An authentic body breaks a rule. */
  broken(node: HeaderNode): void
}

type Judged = Pick<BlockOutcome, 'verdict' | 'fault' | 'node'>

export class BlockIntake {
  readonly #tree: HeaderTree
  readonly #headers: HeaderIntake
  readonly #blocks: BlockStore
  readonly #hooks: BlockIntakeHooks

  constructor(tree: HeaderTree, headers: HeaderIntake, blocks: BlockStore, hooks: BlockIntakeHooks) {
    this.#tree = tree
    this.#headers = headers
    this.#blocks = blocks
    this.#hooks = hooks
  }

  *accept(source: Source, block: Block, received: StoredBlock | undefined): Job<BlockOutcome> {
    const judged = yield* this.#judge(source, block, received)
    return { type: 'block', source, ...judged, hash: judged.node?.hash }
  }

  *#judge(source: Source, block: Block, received: StoredBlock | undefined): Job<Judged> {
    const { header } = block
    if (header.bytes.length !== HEADER_BYTES) return verdict('invalid', undefined, fault('bad-version'))
    if (this.#tree.find(header.bytes) === undefined) {
      if (this.#tree.get(header.previousHash) === undefined) return verdict('orphan', undefined)
      const taken = yield* this.#headers.accept(source, HeaderList.of([header]), false)
      if (taken.verdict !== 'accepted') return refusal(taken.verdict, taken.fault)
    }
    const node = this.#tree.find(header.bytes)
    if (node === undefined) return verdict('tooDeep', undefined)
    if (node.isFailed) {
      const code = node.has(NodeFlag.failed) ? 'duplicate-invalid' : 'bad-prevblk'
      return verdict('invalid', node, fault(code))
    }
    if (this.#blocks.has(node) || node.parent === undefined) return verdict('duplicate', node)
    const result = yield* this.#blocks.store(node, block, received)
    if (result.kind === 'duplicate') return verdict('duplicate', node)
    if (result.kind === 'stored') {
      this.#hooks.stored(node)
      return verdict('stored', node)
    }
    if (result.kind === 'invalid') this.#hooks.broken(node)
    return verdict(result.kind, node, result.fault)
  }
}

function verdict(kind: BlockVerdict, node: HeaderNode | undefined, why?: Fault): Judged {
  return { verdict: kind, node, fault: why }
}

/** A block whose header alone was not taken. */
function refusal(kind: string, why: Fault | undefined): Judged {
  if (kind === 'invalid' || kind === 'future' || kind === 'busy') return verdict(kind, undefined, why)
  return verdict(kind === 'unconnected' ? 'orphan' : 'tooDeep', undefined, why)
}
