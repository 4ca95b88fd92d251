/**
 * Takes headers in: cheap rules first for all of them, then the expensive hash one after the other, so that a liar
 * costs us one. What has shown its worth goes into the tree; the rest waits aside (staging). Jobs of several
 * sources interleave; each source has one at a time.
 *
 * Identities: where a chain is identified by an expensive hash and a checkpoint lies ahead, a header is taken for
 * what the next one names it, and only checkpoints and ends of messages are hashed (chain 2.3).
 */

import type { ChainParams } from '../params/chain-params.ts'
import { MAX_STAGING_SOURCES } from '../params/limits.ts'
import type { PeerId } from '../primitives/brand.ts'
import { bytesEqual } from '../primitives/bytes.ts'
import { sha3_256 } from '../primitives/sha3.ts'
import { BlockHeader, HEADER_BYTES, type HeaderList } from '../wire/header.ts'
import { addWork, hashMeetsBits, workOfBits } from './compact-bits.ts'
import { type Fault, type FaultCode, fault } from './faults.ts'
import { type HeaderNode, NodeFlag } from './header-node.ts'
import { checkHeader, checkpointFault, lastCheckpointHeight } from './header-rules.ts'
import type { HeaderTree } from './header-tree.ts'
import type { Job } from './io.ts'
import type { HeadersOutcome, HeadersVerdict, Source } from './outcomes.ts'
import { hashHeaders, rest } from './requests.ts'
import { StagedChain, type StagedHeader } from './staging.ts'

export interface HeaderIntakeHooks {
  /** Wall clock in Unix seconds. */
  unix(): number
  tip(): HeaderNode
  isInitialDownload(): boolean
  /** A header is new in the tree. */
  added(node: HeaderNode): void
  /** Up to this height headers of the best chain are known to be what they were taken for. */
  provenHeight(): number
}

/** Hashes asked for at once: few at first, since most liars are found out by the first. */
const FIRST_CHUNK = 1
const LARGEST_CHUNK = 16
/** Cheap hashes between two looks at other input. */
const CHEAP_CHUNK = 500
const UNKNOWN_HASH = new Uint8Array(32)

export class HeaderIntake {
  readonly #params: ChainParams
  readonly #tree: HeaderTree
  readonly #hooks: HeaderIntakeHooks
  /** Between two messages of a source. Least recently continued first. */
  readonly #staged = new Map<Source, StagedChain>()
  /** Of sources one of whose messages is being worked on; an entry that has gone is of one that was forgotten. */
  readonly #working = new Map<Source, StagedChain>()
  readonly #lastCheckpoint: number
  #trusts = true

  constructor(params: ChainParams, tree: HeaderTree, hooks: HeaderIntakeHooks) {
    this.#params = params
    this.#tree = tree
    this.#hooks = hooks
    this.#lastCheckpoint = lastCheckpointHeight(params)
  }

  /** Headers kept aside, over all sources. */
  get stagedCount(): number {
    let count = 0
    for (const chains of [this.#staged, this.#working])
      for (const chain of chains.values()) count += chain.length
    return count
  }

  forget(source: PeerId): void {
    this.#staged.delete(source)
    this.#working.delete(source)
  }

  /** Takes nothing on trust from now on. What waits aside may stand on what is false. */
  distrust(): void {
    this.#trusts = false
    this.#staged.clear()
  }

  /** `aside`: may headers that have not shown their worth be kept, to be continued by the source's next ones? */
  *accept(source: Source, list: HeaderList, aside: boolean): Job<HeadersOutcome> {
    const known = this.#skipKnown(list)
    const outcome = { type: 'headers', source, count: list.length, staged: undefined } as const
    if (known.count === list.length) {
      if (known.last?.isFailed !== true)
        return { ...outcome, verdict: 'accepted', fault: undefined, last: known.last, added: 0 }
      return { ...outcome, verdict: 'invalid', fault: fault('duplicate-invalid'), last: undefined, added: 0 }
    }
    const news = copies(list, known.count)
    const opened = this.#open(aside ? source : undefined, news[0])
    if (!(opened instanceof StagedChain)) return { ...outcome, ...opened, last: known.last, added: 0 }
    const chain = opened
    const from = chain.last.height + 1
    const refused = this.#prepare(chain, news)
    const { added, broken } = yield* this.#identify(chain, from, chain.last.height - from + 1)
    if (chain.base.has(NodeFlag.removed)) {
      if (aside) this.#putAside(source, chain, false)
      return { ...outcome, ...BUSY, last: undefined, added: 0 }
    }
    // What stands on a bad block is known by its work alone.
    const wrong = broken ?? refused ?? (chain.base.isFailed ? invalid('bad-prevblk') : undefined)
    const reached = chain.base.height >= from ? chain.base : known.last
    const last = reached?.isFailed === true ? undefined : reached
    const isStaged = aside && wrong === undefined && chain.length > 0
    if (aside) this.#putAside(source, chain, isStaged && !chain.isFull)
    return {
      ...outcome,
      verdict: wrong?.verdict ?? stagedVerdict(chain),
      fault: wrong?.fault,
      last,
      added,
      staged: isStaged ? { hash: chain.last.hash, height: chain.last.height } : undefined,
    }
  }

  /** The headers at the front of the list that are in the tree. */
  #skipKnown(list: HeaderList): { count: number; last: HeaderNode | undefined } {
    let last: HeaderNode | undefined
    for (let i = 0; i < list.length; i++) {
      const node = this.#tree.find(list.at(i).bytes)
      // A repeated or reordered header ends what is known; what follows will not fit and is found out then.
      if (node === undefined || (last !== undefined && node.parent !== last)) return { count: i, last }
      last = node
    }
    return { count: list.length, last }
  }

  /** What the first new header continues. */
  #open(
    source: Source | undefined,
    first: Uint8Array | undefined,
  ): StagedChain | { verdict: HeadersVerdict; fault: Fault | undefined } {
    const previous = first?.subarray(4, 36) ?? UNKNOWN_HASH
    const before = source === undefined ? undefined : this.#staged.get(source)
    if (source !== undefined && before?.endsIn(previous) === true) {
      this.#staged.delete(source)
      this.#working.set(source, before)
      return before
    }
    const base = this.#tree.get(previous)
    if (base === undefined) return { verdict: 'unconnected', fault: undefined }
    const checkpoint = this.#checkpointReached
    if (base.height < checkpoint) {
      // While it is not certain that ours leads to the checkpoint, this one may be the one that does.
      if (this.#hooks.provenHeight() < checkpoint) return BUSY
      return { verdict: 'invalid', fault: fault('bad-fork-prior-to-checkpoint') }
    }
    const chain = new StagedChain(base)
    if (source === undefined) return chain
    this.#staged.delete(source)
    this.#working.set(source, chain)
    return chain
  }

  /**
   * The work on a message is done. What is kept for the next one takes the place of what was not continued for longest, if
   * there is too much: nobody keeps others from being heard by leaving things here.
   */
  #putAside(source: Source, chain: StagedChain, isKept: boolean): void {
    if (this.#working.get(source) !== chain) return
    this.#working.delete(source)
    if (!isKept) return
    this.#staged.set(source, chain)
    for (const oldest of this.#staged.keys()) {
      if (this.#staged.size <= MAX_STAGING_SOURCES) return
      this.#staged.delete(oldest)
    }
  }

  /** Cheap rules. Returns what is wrong; a broken rule leaves nothing of the list, a future time those before. */
  #prepare(chain: StagedChain, headers: readonly Uint8Array[]): Wrong | undefined {
    const start = chain.last.height + 1
    for (const [i, bytes] of headers.entries()) {
      const wrong = this.#check(chain, bytes)
      if (wrong !== undefined) {
        if (wrong.verdict === 'invalid') chain.truncate(start)
        return wrong
      }
      const claimed = headers[i + 1]?.slice(4, 36) ?? UNKNOWN_HASH
      const work = addWork(chain.last.work, workOfBits(new BlockHeader(bytes).bits))
      chain.push(claimed, bytes, work)
    }
    return undefined
  }

  #check(chain: StagedChain, bytes: Uint8Array): Wrong | undefined {
    // Those of later versions are longer; no chain here has them.
    if (bytes.length !== HEADER_BYTES) return invalid('bad-version')
    const { last } = chain
    if (chain.length > 0 && !isClaimed(last.hash) && !bytesEqual(last.hash, bytes.subarray(4, 36)))
      return invalid('bad-link')
    const verdict = checkHeader(this.#params, new BlockHeader(bytes), last, this.#hooks.unix())
    if (verdict === undefined) return undefined
    return verdict === 'future'
      ? { verdict, fault: fault('time-too-new') }
      : { verdict: 'invalid', fault: verdict }
  }

  /** Expensive rules for `count` headers from a height on; moves to the tree what is worth it. */
  *#identify(
    chain: StagedChain,
    from: number,
    count: number,
  ): Job<{ added: number; broken: Wrong | undefined }> {
    let added = 0
    let chunk = this.#isCheap ? CHEAP_CHUNK : FIRST_CHUNK
    const end = from + count
    for (let height = from; height < end; height += chunk, chunk = this.#nextChunk(chunk)) {
      const headers: StagedHeader[] = []
      for (let at = height; at < Math.min(end, height + chunk); at++) {
        const header = chain.at(at)
        if (header !== undefined && 'isAssumed' in header) headers.push(header)
      }
      const broken = yield* this.#verify(headers, count === 1)
      if (broken !== undefined) {
        chain.truncate(broken.height)
        return { added, broken }
      }
      added += this.#release(chain, headers.at(-1)?.height ?? 0)
      if (this.#isCheap && height + chunk < end) yield* rest()
    }
    return { added, broken: undefined }
  }

  /** Are headers what the next ones take them for, and is the work in them? */
  *#verify(headers: readonly StagedHeader[], urgent: boolean): Job<(Wrong & { height: number }) | undefined> {
    const toHash = headers.filter((header) => !this.#mayAssume(header))
    const bytes = toHash.map((header) => header.bytes)
    const hashes = this.#isCheap ? bytes.map(sha3_256) : yield* hashHeaders(bytes, urgent)
    const [first] = headers
    if (hashes === undefined) return { verdict: 'busy', fault: undefined, height: first?.height ?? 0 }
    for (const [i, header] of toHash.entries()) {
      const hash = hashes[i] ?? UNKNOWN_HASH
      const { height } = header
      // The next one of the same message does not follow this one: the sender made it up, or was mistaken.
      if (isClaimed(header.hash) && !bytesEqual(header.hash, hash)) return { ...invalid('bad-link'), height }
      if (!hashMeetsBits(hash, header.bits)) return { ...invalid('high-hash'), height }
      header.hash = hash
      header.isAssumed = false
    }
    for (const { height, hash } of headers) {
      const wrong = checkpointFault(this.#params, height, hash)
      if (wrong !== undefined) return { verdict: 'invalid', fault: wrong, height }
    }
    return undefined
  }

  /** Height of the highest checkpoint in the tree. */
  get #checkpointReached(): number {
    const reached = this.#params.checkpoints.findLast(({ hash }) => this.#tree.get(hash) !== undefined)
    return reached?.height ?? 0
  }

  get #isCheap(): boolean {
    return this.#params.proofOfWork.kind === 'sha3'
  }

  #nextChunk(chunk: number): number {
    return this.#isCheap ? chunk : Math.min(LARGEST_CHUNK, chunk * 2)
  }

  /** Does a checkpoint ahead vouch for it? */
  #mayAssume({ height, hash }: StagedHeader): boolean {
    if (!this.#trusts || this.#isCheap || height >= this.#lastCheckpoint || !isClaimed(hash)) return false
    return this.#params.checkpoints.every((checkpoint) => checkpoint.height !== height)
  }

  /** Moves what has shown its worth into the tree, up to a height that is verified. Returns how many. */
  #release(chain: StagedChain, verified: number): number {
    const worthy = this.#worthyHeight(chain, verified)
    if (worthy <= chain.base.height || chain.base.has(NodeFlag.removed)) return 0
    const nodes = chain.release(worthy, (header, parent) => {
      const node = this.#tree.add(header.hash, header.bytes, parent, header.work)
      if (header.isAssumed) node.set(NodeFlag.assumed)
      return node
    })
    for (const node of nodes) this.#hooks.added(node)
    return nodes.length
  }

  #worthyHeight(chain: StagedChain, verified: number): number {
    const { base } = chain
    if (base.height < this.#lastCheckpoint && verified < this.#lastCheckpoint) {
      const reached = this.#params.checkpoints.filter(({ height }) => height <= verified)
      return reached.at(-1)?.height ?? 0
    }
    const end = chain.at(verified)
    const work = end?.work ?? 0n
    const tip = this.#hooks.tip()
    const isNear = tip.height - this.#tree.fork(base, tip).height <= this.#params.maxReorgDepth
    const isWorthy =
      work >= this.#params.minimumWork && (this.#hooks.isInitialDownload() || isNear || work > tip.work)
    return isWorthy ? verified : base.height
  }
}

/** It is to be offered again in a moment. */
const BUSY = { verdict: 'busy', fault: undefined } as const

interface Wrong {
  /** `busy`: it can't be judged on this machine. */
  readonly verdict: 'invalid' | 'future' | 'busy'
  readonly fault: Fault | undefined
}

function invalid(code: FaultCode): Wrong {
  return { verdict: 'invalid', fault: fault(code) }
}

function isClaimed(hash: Uint8Array): boolean {
  return hash !== UNKNOWN_HASH
}

function stagedVerdict(chain: StagedChain): HeadersVerdict {
  if (chain.length === 0) return 'accepted'
  return chain.isFull ? 'tooDeep' : 'staged'
}

/** What is kept must not keep the whole message alive. */
function copies(list: HeaderList, from: number): Uint8Array[] {
  const headers: Uint8Array[] = []
  for (let i = from; i < list.length; i++) headers.push(list.at(i).bytes.slice())
  return headers
}
