/**
 * What a chain stands on in the real world: a store, and somebody who hashes. Opens both, reads what was committed,
 * and makes the engine of it. Without a directory everything is in memory, and gone with the process.
 */
import type { ChainHooks, CreateChain } from '../chain/chain.ts'
import { DamagedStore, damageText } from '../chain/damage.ts'
import { ChainEngine, type ChainOptions } from '../chain/engine.ts'
import type { AskIo, IoRequest, IoResult } from '../chain/io.ts'
import { HEADER_PREFIX, TIP_KEY } from '../chain/rows.ts'
import { TX_INDEX_KEYS } from '../chain/tx-index.ts'
import { createPowHasher } from '../crypto/create-pow-hasher.ts'
import type { PowHasher } from '../crypto/pow-hasher.ts'
import { createSignatures, type Signatures } from '../crypto/signatures.ts'
import type { NetworkParams } from '../params/networks.ts'
import { errorText, UserError } from '../primitives/errors.ts'
import type { ChainStore, StoredPair } from '../storage/chain-store.ts'
import { memoryChainStore } from '../storage/memory-store.ts'
import { KEPT_HISTORY } from '../wallet/history-rows.ts'
import { rebuildIndex } from './reindex.ts'

export interface ChainBackendOptions {
  readonly network: NetworkParams
  /** Where the chain is kept; made if its parent is there. Left out: in memory. */
  readonly dir?: string | undefined
  /** Memory for coins, in bytes. */
  readonly coinCacheBytes?: number | undefined
  /** Old blocks are deleted when their files take more bytes than this. Left out: never. */
  readonly pruneBytes?: number | undefined
  /** Keep an index of transactions by their ids. */
  readonly txIndex?: boolean
  /** Makes index and coins anew from the files of blocks. */
  readonly reindex?: boolean
  /** Hash faster with 2 GB more of memory, where proof of work is RandomX. */
  readonly fullDataset?: boolean
  /** Of librandomx, if the system does not find it. */
  readonly randomxLibrary?: string | undefined
  /** Takes a line for the operator. */
  readonly notice?: (line: string) => void
}

/** To be given to one node; made by {@link openChain}. */
export class ChainBackend {
  readonly hasher: PowHasher
  readonly store: ChainStore
  readonly signatures: Signatures = createSignatures()
  readonly #params: ChainOptions
  readonly #notice: (line: string) => void
  #engine: ChainEngine | undefined
  #toldOf: string | undefined
  #hashTrouble: string | undefined

  constructor(store: ChainStore, hasher: PowHasher, params: ChainOptions, notice: (line: string) => void) {
    this.store = store
    this.hasher = hasher
    this.#params = params
    this.#notice = notice
  }

  /** Of whose chain it is. */
  get genesisHash(): Uint8Array {
    return this.#params.params.genesis.hash
  }

  /** Undefined before the node was made. */
  get engine(): ChainEngine | undefined {
    return this.#engine
  }

  /** Throws UserError if what is stored contradicts itself, Error if a node has it already. */
  readonly create: CreateChain = (hooks: ChainHooks) => {
    if (this.#engine !== undefined) throw new Error('this chain belongs to another node: open one for each')
    try {
      this.#engine = new ChainEngine(this.#params, hooks)
      return this.#engine
    } catch (error) {
      if (!(error instanceof DamagedStore)) throw error
      throw new UserError(damageText(error))
    }
  }

  readonly io: AskIo = (request, done) => {
    void this.#answer(request).then(done)
  }

  /** Why proof of work can't be hashed, in words; undefined if it can, or nobody has tried. */
  get hashTrouble(): string | undefined {
    return this.#hashTrouble
  }

  /** Are old blocks deleted? Others are told that we have the latest only. */
  get isPruning(): boolean {
    return this.#params.pruneBytes !== undefined
  }

  /** To be called when the node has stopped. */
  async close(): Promise<void> {
    await Promise.all([this.hasher.close(), this.store.close(), this.signatures.close()])
  }

  async #answer(request: IoRequest): Promise<IoResult> {
    if (request.kind === 'rest') {
      await new Promise((resolve) => setImmediate(resolve))
      return { ok: true, value: undefined }
    }
    if (request.kind === 'verify') {
      return { ok: true, value: await this.signatures.verifier.verifyBatch(request.checks) }
    }
    if (request.kind !== 'hash') return await this.store.perform(request)
    try {
      const value = await this.hasher.hash(request.headers, request.urgent)
      this.#hashTrouble = undefined
      return { ok: true, value }
    } catch (error) {
      this.#tell(errorText(error))
      return { ok: true, value: undefined }
    }
  }

  /** Each reason once: the same will be met with each header. */
  #tell(text: string): void {
    this.#hashTrouble = text
    if (this.#toldOf === text) return
    this.#toldOf = text
    this.#notice(`The chain stands still: ${text}`)
  }
}

/** Throws UserError if the store can't be used. */
export async function openChain(options: ChainBackendOptions): Promise<ChainBackend> {
  const { network } = options
  const { chain: params } = network
  const notice = options.notice ?? (() => undefined)
  const store = await openStore(options)
  const hasher = createPowHasher({
    algorithm: params.proofOfWork,
    known: { header: params.genesis.header, hash: params.genesis.hash },
    fullDataset: options.fullDataset ?? false,
    libraryPath: options.randomxLibrary,
    notice,
  })
  try {
    if (options.reindex === true) {
      await rebuildIndex(params, store, notice)
      await store.finishReindex()
    }
    const { coinCacheBytes, pruneBytes, txIndex = false } = options
    const saved = await readSaved(store, txIndex)
    const engine = {
      params,
      saved,
      pruneBytes,
      txIndex,
      ...(coinCacheBytes === undefined ? {} : { coinCacheBytes }),
    }
    return new ChainBackend(store, hasher, engine, notice)
  } catch (error) {
    await Promise.all([hasher.close(), store.close()])
    throw error
  }
}

async function openStore({ network, dir, reindex = false }: ChainBackendOptions): Promise<ChainStore> {
  if (dir === undefined) return memoryChainStore()
  // Loads a native library, which programs that only talk do not need.
  const { openChainStore } = await import('../storage/open-store.ts')
  return await openChainStore(dir, { network, reindex, keep: KEPT_HISTORY })
}

async function readSaved(store: ChainStore, txIndex: boolean): Promise<ChainOptions['saved']> {
  const rows: StoredPair[] = []
  for await (const batch of store.scan(HEADER_PREFIX)) rows.push(...batch)
  const answer = await store.perform({ kind: 'get', keys: [TIP_KEY, ...(txIndex ? TX_INDEX_KEYS : [])] })
  if (!answer.ok) throw new UserError(`the stored chain can not be read: ${answer.error}`)
  const [tip, ...index] = answer.value as (Uint8Array | undefined)[]
  return { rows, tip, txIndex: index }
}
