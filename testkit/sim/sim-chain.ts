/**
 * A chain for a node of the simulator: a real engine on a simulated disk that takes time and may fail or crash; hashes
 * and signatures are answered at once. It survives its node: started again, it begins with what the disk kept.
 */
import type { CreateChain } from '../../src/chain/chain.ts'
import { ChainEngine } from '../../src/chain/engine.ts'
import type { AskIo, IoRequest, IoResult } from '../../src/chain/io.ts'
import { HEADER_PREFIX, TIP_KEY } from '../../src/chain/rows.ts'
import type { ChainParams } from '../../src/params/chain-params.ts'
import { sha3_256 } from '../../src/primitives/sha3.ts'
import type { StoreRequest } from '../../src/storage/chain-store.ts'
import type { BuiltBlock } from '../chain-builder.ts'
import { type CrashKind, SimDisk } from './disk.ts'
import type { SimNode } from './node.ts'
import type { World } from './world.ts'

export class SimChain {
  readonly disk: SimDisk
  /** How long each header takes to be hashed. */
  hashMs = 0
  /** Of the latest start. */
  engine: ChainEngine | undefined
  readonly #world: World
  readonly #params: ChainParams
  readonly #name: string
  /** Counts starts and crashes: what was asked before one is not done after it. */
  #life = 0
  #freeAt = 0

  constructor(world: World, params: ChainParams, name: string) {
    this.#world = world
    this.#params = params
    this.#name = name
    this.disk = new SimDisk(world.random.fork(`disk ${name}`))
  }

  readonly create: CreateChain = (hooks) => {
    this.#life++
    this.#freeAt = 0
    const rows = this.disk.load(HEADER_PREFIX)
    const tip = this.disk.load(TIP_KEY).find(([key]) => key === TIP_KEY)?.[1]
    const saved = rows.length === 0 ? undefined : { rows, tip }
    this.engine = new ChainEngine({ params: this.#params, saved }, hooks)
    return this.engine
  }

  readonly io: AskIo = (request, done) => {
    const life = this.#life
    const { time } = this.#world
    const isAlive = (): boolean => this.#life === life
    if (!isForDisk(request)) {
      const value = answer(request)
      const delayMs = request.kind === 'hash' ? this.hashMs * request.headers.length : 0
      return time.after(delayMs, () => isAlive() && done({ ok: true, value }))
    }
    // One after the other, as they were asked.
    this.#freeAt = Math.max(this.#freeAt, time.mono) + this.disk.delayMs(request)
    time.at(this.#freeAt, () => {
      if (isAlive()) done(this.disk.perform(request) as IoResult)
    })
  }

  /** With its node: what was under way has not happened. */
  crash(kind: CrashKind): void {
    this.#life++
    this.disk.crash(this.#world.random.fork(`crash ${this.#name} ${this.#life}`), kind)
  }
}

function isForDisk(request: IoRequest): request is StoreRequest {
  return request.kind !== 'hash' && request.kind !== 'verify' && request.kind !== 'rest'
}

function answer(request: Exclude<IoRequest, StoreRequest>): unknown {
  if (request.kind === 'hash') return request.headers.map(sha3_256)
  return request.kind === 'verify' ? request.checks.map(() => true) : undefined
}

/** Gives blocks to a node as if it had found them itself. */
export function mine(node: SimNode, blocks: readonly BuiltBlock[]): void {
  node.command({
    type: 'withChain',
    use: (chain) => {
      for (const { block, stored } of blocks) chain.submitBlock('local', block, stored)
    },
  })
}
