/**
 * Hashes, while nothing else is to be hashed, the headers that were taken for what the next one names them because a
 * checkpoint lay ahead. What is found once is written down, so that it is done once.
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
  /** A header was found to be what it was taken for. */
  changed(node: HeaderNode): void
}

export class HeaderAudit {
  readonly #hooks: AuditHooks
  readonly #lastCheckpoint: number
  /** Everything below has been hashed. */
  #from = 1
  #running = false

  constructor(params: ChainParams, hooks: AuditHooks) {
    this.#hooks = hooks
    this.#lastCheckpoint = params.proofOfWork.kind === 'sha3' ? 0 : lastCheckpointHeight(params)
  }

  /** Is there something to be hashed, and nobody doing it? */
  get isDue(): boolean {
    return (
      !this.#running &&
      this.#from < this.#lastCheckpoint &&
      this.#hooks.bestHeader().height >= this.#lastCheckpoint
    )
  }

  /** The first header that is not what it was taken for, if there is one. */
  *run(): Job<HeaderNode | undefined> {
    this.#running = true
    try {
      while (this.#from < this.#lastCheckpoint) {
        const nodes = this.#next()
        const hashes = yield* hashHeaders(
          nodes.map(({ bytes }) => bytes),
          false,
        )
        if (hashes === undefined) return undefined
        for (const [i, node] of nodes.entries()) {
          if (!bytesEqual(hashes[i] ?? node.bytes, node.hash)) return node
          node.clear(NodeFlag.assumed)
          this.#hooks.changed(node)
        }
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
    while (nodes.length < CHUNK && this.#from < this.#lastCheckpoint) {
      const node = best.ancestor(this.#from++)
      if (node?.has(NodeFlag.assumed) === true) nodes.push(node)
    }
    return nodes
  }
}

/** What the operator is told of a header that is not what its hash was said to be. */
export function falseHistory({ height }: HeaderNode): string {
  return `the history that peers told below the last checkpoint is false at block ${height}: delete the folder 'chain' in the data directory and start again`
}
