/**
 * Hashes, from the first on, the headers that were taken for what the next one names them because a checkpoint lay
 * ahead. What is found once is written down, so that it is done once.
 */

import type { ChainParams } from '../params/chain-params.ts'
import { bytesEqual } from '../primitives/bytes.ts'
import { type HeaderNode, NodeFlag } from './header-node.ts'
import { lastCheckpointHeight } from './header-rules.ts'
import type { Job } from './io.ts'
import { hashHeaders } from './requests.ts'

/** Hashes asked for at once: others need not wait for more. */
const CHUNK = 16

export interface AuditHooks {
  bestHeader(): HeaderNode
  /** Headers were found to be what they were taken for. */
  confirmed(nodes: readonly HeaderNode[]): void
}

export class HeaderAudit {
  readonly #hooks: AuditHooks
  readonly #lastCheckpoint: number
  /** Everything up to here has been hashed. */
  #reached = 0
  #running = false

  constructor(params: ChainParams, hooks: AuditHooks) {
    this.#hooks = hooks
    this.#lastCheckpoint = params.proofOfWork.kind === 'sha3' ? 0 : lastCheckpointHeight(params)
  }

  /** Up to this height every header of the best chain has been hashed; infinite from the last checkpoint on. */
  get reached(): number {
    if (this.#reached >= this.#lastCheckpoint) return Number.POSITIVE_INFINITY
    const best = this.#hooks.bestHeader()
    while (this.#reached < this.#lastCheckpoint) {
      const next = best.ancestor(this.#reached + 1)
      if (next === undefined || next.has(NodeFlag.assumed)) return this.#reached
      this.#reached++
    }
    return Number.POSITIVE_INFINITY
  }

  /** Is there something to be hashed, and nobody doing it? */
  get isDue(): boolean {
    return !this.#running && this.reached < this.#hooks.bestHeader().height
  }

  /** Headers above this height are not those that were hashed. */
  rewind(height: number): void {
    this.#reached = Math.min(this.#reached, height)
  }

  /** The first header that is not what it was taken for, if there is one. */
  *run(): Job<HeaderNode | undefined> {
    this.#running = true
    try {
      for (let nodes = this.#next(); nodes.length > 0; nodes = this.#next()) {
        const hashes = yield* hashHeaders(
          nodes.map(({ bytes }) => bytes),
          false,
        )
        if (hashes === undefined) return undefined
        const wrong = nodes.findIndex((node, i) => !bytesEqual(hashes[i] ?? node.bytes, node.hash))
        const right = wrong < 0 ? nodes : nodes.slice(0, wrong)
        for (const node of right) node.clear(NodeFlag.assumed)
        this.#hooks.confirmed(right)
        if (wrong >= 0) return nodes[wrong]
      }
      return undefined
    } finally {
      this.#running = false
    }
  }

  /** The lowest headers that were not hashed yet. */
  #next(): HeaderNode[] {
    const nodes: HeaderNode[] = []
    const best = this.#hooks.bestHeader()
    for (let height = this.reached + 1; nodes.length < CHUNK && height < this.#lastCheckpoint; height++) {
      const node = best.ancestor(height)
      if (node === undefined) break
      if (node.has(NodeFlag.assumed)) nodes.push(node)
    }
    return nodes
  }
}
