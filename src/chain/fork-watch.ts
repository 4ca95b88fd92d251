/**
 * Chains with more work than ours that are not followed, because too many blocks of ours would have to be undone or
 * because they break a rule: the operator should know, of each once, since it grows. Either we are on the wrong side or
 * others are.
 */
import type { ChainHooks } from './chain.ts'
import { workOfBits } from './compact-bits.ts'
import type { HeaderNode } from './header-node.ts'
import type { HeaderTree } from './header-tree.ts'
import type { RejectedForkOutcome } from './outcomes.ts'

/** A chain that breaks a rule is told of when it is ahead by the work of more blocks than this: so many no liar makes. */
const LEAD_BLOCKS = 6n

export class ForkWatch {
  readonly #tree: HeaderTree
  readonly #tip: () => HeaderNode
  readonly #hooks: Pick<ChainHooks, 'outcome'>
  /** Where they leave ours, or the first block that breaks a rule. */
  readonly #told = new Set<HeaderNode>()
  /** The most work among blocks that break a rule, or stand on one that does. */
  #bad: HeaderNode | undefined

  constructor(tree: HeaderTree, tip: () => HeaderNode, hooks: Pick<ChainHooks, 'outcome'>) {
    this.#tree = tree
    this.#tip = tip
    this.#hooks = hooks
  }

  /** A chain that breaks a rule and has much more work than ours; undefined if there is none. */
  get rejected(): Omit<RejectedForkOutcome, 'type'> | undefined {
    const best = this.#bad
    if (best === undefined || best.work <= this.#tip().work + LEAD_BLOCKS * workOfBits(best.bits))
      return undefined
    let first = best
    while (first.parent?.isFailed === true) first = first.parent
    return { first, best }
  }

  /** It would lead, but too many blocks would have to be undone. */
  tooDeep(best: HeaderNode): void {
    const fork = this.#tree.fork(best, this.#tip())
    if (this.#isNew(fork)) this.#hooks.outcome({ type: 'deepFork', fork, best })
  }

  /** It breaks a rule, or stands on one that does. */
  noteBad(node: HeaderNode): void {
    if (this.#bad === undefined || node.work > this.#bad.work) this.#bad = node
  }

  /** Blocks that were bad may be so no more. */
  forgetBad(): void {
    this.#bad = undefined
  }

  /** Tells of what was noted, if there is need. */
  tellOfBad(): void {
    const { rejected } = this
    if (rejected !== undefined && this.#isNew(rejected.first))
      this.#hooks.outcome({ type: 'rejectedFork', ...rejected })
  }

  #isNew(node: HeaderNode): boolean {
    if (this.#told.has(node)) return false
    this.#told.add(node)
    return true
  }
}
