/** A mempool on a chain bench: told of the chain as the core would tell it, after each answer of the disk. */
import type { IoRequest } from '../src/chain/io.ts'
import { knownTransaction } from '../src/mempool/entry.ts'
import {
  Mempool,
  type MempoolOutcome,
  type RemovalReason,
  type TransactionOutcome,
} from '../src/mempool/mempool.ts'
import type { ChainParams } from '../src/params/chain-params.ts'
import { monoMs, type PeerId, peerId } from '../src/primitives/brand.ts'
import type { Transaction } from '../src/wire/transaction.ts'
import { type BenchDisk, ChainBench } from './chain-bench.ts'
import type { BuiltBlock } from './chain-builder.ts'

const PEER = peerId(3)

export interface PoolBenchOptions {
  readonly params: ChainParams
  readonly budgetBytes?: number
  /** Blocks that are there already. */
  readonly disk?: BenchDisk
}

export class PoolBench {
  readonly chain: ChainBench
  readonly pool: Mempool
  readonly outcomes: TransactionOutcome[] = []
  readonly removed: RemovalReason[] = []
  #told = 0

  constructor(
    { params, budgetBytes = 50_000_000, disk }: PoolBenchOptions,
    blocks: readonly BuiltBlock[] = [],
  ) {
    this.chain = new ChainBench(
      { params },
      disk,
      (node, body) => this.pool.blockConnected(node, body),
      (node, body) => this.pool.blockDisconnected(node, body),
    )
    const hooks = {
      now: () => this.chain.now,
      outcome: (outcome: MempoolOutcome) => {
        if (outcome.type === 'removed') this.removed.push(outcome.reason)
        else this.outcomes.push(outcome)
      },
    }
    this.pool = new Mempool(this.chain.engine, hooks, budgetBytes)
    this.mine(blocks)
  }

  /** Keys of what waits. */
  get keys(): string[] {
    return [...this.pool.table.all()].map(({ key }) => key)
  }

  give(blocks: readonly BuiltBlock[]): void {
    for (const { block, stored } of blocks) this.chain.engine.submitBlock('local', block, stored)
  }

  mine(blocks: readonly BuiltBlock[]): void {
    this.give(blocks)
    this.settle()
  }

  /**
   * Answers one question, and lets follow what follows from it. Returns what was asked; undefined if nothing was. `held`: a
   * kind of questions that are not answered now.
   */
  step(held?: IoRequest['kind']): IoRequest | undefined {
    const at = this.chain.waiting.findIndex(({ kind }) => kind !== held)
    const request = this.chain.waiting[at]
    if (request !== undefined) this.chain.answer(at)
    const { outcomes } = this.chain
    for (; this.#told < outcomes.length; this.#told++)
      if (outcomes[this.#told]?.type === 'tip') this.pool.tipChanged()
    while (this.pool.nextDeadline <= this.chain.now.mono) this.pool.due(this.chain.now)
    return request
  }

  /** Until nothing is to be done; what is to be committed later is committed now. */
  settle(): void {
    const { engine } = this.chain
    for (;;) {
      while (this.step() !== undefined);
      if (this.chain.waiting.length > 0) continue
      if (engine.nextDeadline === Number.POSITIVE_INFINITY) break
      this.chain.now = {
        ...this.chain.now,
        mono: monoMs(Math.max(this.chain.now.mono, engine.nextDeadline)),
      }
      engine.due(this.chain.now)
    }
    this.pool.table.assertConsistent()
  }

  /** The code of the refusal, or the verdict. */
  offer(transaction: Transaction, source: PeerId | 'local' = PEER): string {
    this.pool.submit(source, knownTransaction(transaction))
    this.settle()
    const outcome = this.outcomes.at(-1)
    return outcome?.fault?.code ?? outcome?.verdict ?? 'nothing'
  }
}
