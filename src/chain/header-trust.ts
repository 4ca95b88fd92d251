/**
 * What becomes of headers that were taken for what the next one names them: they are hashed in the background, and no
 * block is connected before. One that is found false is taken out with everything on top of it.
 */
import type { ChainHooks } from './chain.ts'
import { HeaderAudit } from './header-audit.ts'
import { type HeaderNode, NodeFlag } from './header-node.ts'
import type { ChainParts } from './parts.ts'
import { rest } from './requests.ts'

export interface HeaderTrustParts extends ChainParts {
  bestHeader(): HeaderNode
  isStopping(): boolean
  /** Nothing is taken on trust from now on, and what waited aside is forgotten. */
  distrust(): void
  /** Blocks were taken out: which one leads is to be found anew. */
  reviewed(): void
  /** Headers are what they were taken for: it is to be written down, and their blocks can be connected. */
  confirmed(): void
  readonly hooks: Pick<ChainHooks, 'outcome'>
}

export class HeaderTrust {
  readonly #parts: HeaderTrustParts
  readonly #audit: HeaderAudit

  constructor(parts: HeaderTrustParts) {
    this.#parts = parts
    const { params, ledger, bestHeader } = parts
    this.#audit = new HeaderAudit(params, {
      bestHeader,
      confirmed: (nodes) => {
        for (const node of nodes) ledger.changed(node)
        if (nodes.length > 0) parts.confirmed()
      },
    })
  }

  /** Up to this height headers of the best chain are known to be what they are taken for. */
  get height(): number {
    return this.#audit.reached
  }

  /** In the background: nothing waits for it. */
  audit(): void {
    const { jobs, isStopping } = this.#parts
    if (isStopping() || !this.#audit.isDue) return
    jobs.run(this.#audit.run(), (wrong) => {
      if (wrong !== undefined) this.#isFalse(wrong)
    })
  }

  #isFalse(node: HeaderNode): void {
    const self = this
    // Not while blocks are being connected.
    this.#parts.jobs.exclusive(function* () {
      yield* rest()
      self.#takeOut(node)
    })
  }

  #takeOut(node: HeaderNode): void {
    const { tree, active, blocks, ledger, jobs, distrust, reviewed, hooks } = this.#parts
    const { parent } = node
    if (node.has(NodeFlag.removed) || parent === undefined) return
    // Of a store that an earlier version has written.
    if (active.has(node)) {
      jobs.stop()
      return hooks.outcome({ type: 'storageFailed', error: falseHistory(node) })
    }
    const gone = tree.remove(node)
    for (const each of gone) {
      ledger.removed(each)
      blocks.drop(each)
    }
    this.#audit.rewind(parent.height)
    distrust()
    reviewed()
    hooks.outcome({ type: 'falseHeaders', behind: parent, count: gone.length })
  }
}

/** What the operator is told of a connected block whose header is not what its hash was said to be. */
function falseHistory({ height }: HeaderNode): string {
  return `the history that peers told below the last checkpoint is false at block ${height}: delete the folder 'chain' in the data directory and start again`
}
