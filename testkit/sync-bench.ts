/**
 * Synchronisation on a bench: a chain without rules, peers that answer as they are told to, time that passes when the
 * test says so. Watches that no block is asked twice of one connection, and none of a peer that does not have it.
 */
import type { CreateChain } from '../src/chain/chain.ts'
import { hashKey } from '../src/chain/header-node.ts'
import type { ChainOutcome } from '../src/chain/outcomes.ts'
import type { DisconnectReason } from '../src/peer/disconnect.ts'
import { type Offence, ruleOf } from '../src/peer/offences.ts'
import { type ConnectionKind, Peer } from '../src/peer/peer.ts'
import { monoMs, type Now, type PeerId, peerId, unixSeconds } from '../src/primitives/brand.ts'
import { UNSPECIFIED_V4 } from '../src/primitives/ip.ts'
import { BlockSync } from '../src/sync/block-sync.ts'
import type { SyncEvent } from '../src/sync/hooks.ts'
import type { Block } from '../src/wire/block.ts'
import type { HeaderList } from '../src/wire/header.ts'
import { Inventory, InvType } from '../src/wire/inventory.ts'
import { FAKE_GENESIS, type FakeBlock, FakeChain, headersOf } from './fake-chain.ts'

export interface RemoteOptions {
  /** Its active chain without genesis; may grow. */
  readonly blocks?: FakeBlock[]
  readonly kind?: ConnectionKind
  readonly claims?: number
  readonly layout?: 'v1' | 'current'
  /** Does it read nothing, as others keep it busy? */
  readonly deaf?: boolean
  readonly nonce?: bigint
  readonly services?: bigint
  /** Until an answer is here. */
  readonly latencyMs?: number
  /** Between two blocks. */
  readonly msPerBlock?: number
  /** Does not answer `getheaders`. */
  readonly mute?: boolean
  /** Blocks that it never sends, by height. */
  readonly withholds?: (height: number) => boolean
  /** Sends these bytes instead of a block. */
  readonly forge?: (block: FakeBlock) => Block
  /** Headers it answers with instead of its own. */
  readonly answer?: () => HeaderList | undefined
}

export interface Remote {
  readonly peer: Peer
  readonly options: RemoteOptions
  readonly blocks: FakeBlock[]
  /** Hashes asked for, in order. */
  readonly asked: Set<string>
  /** Number of hashes of each `getdata`. */
  readonly batches: number[]
  getheaders: number
  /** First hash of the latest locator. */
  from: Uint8Array | undefined
  readyToSendAt: number
  end: DisconnectReason | undefined
}

const START_UNIX = 1_800_000_000

export class SyncBench {
  readonly chain: FakeChain
  readonly sync: BlockSync
  readonly events: SyncEvent[] = []
  readonly offences: { peer: PeerId; offence: Offence }[] = []
  readonly remotes: Remote[] = []
  #mono = 0
  #lastId = 0
  #settled = 0
  #outcomes: ChainOutcome[] = []
  #agenda: { at: number; run: () => void }[] = []
  unix: number

  constructor(unix = START_UNIX) {
    this.unix = unix
    const create: CreateChain = (hooks) => new FakeChain(hooks)
    this.chain = create({
      ask: () => {
        throw new Error('the fake chain asks nothing')
      },
      outcome: (outcome) => this.#outcomes.push(outcome),
      now: () => this.now,
    }) as FakeChain
    const options = { spacingSeconds: 240, maxReorgDepth: 100 }
    this.sync = new BlockSync(
      this.chain,
      options,
      {
        getheaders: (peer, locator) => this.#getheaders(this.#remote(peer), locator),
        getdata: (peer, hashes) => this.#getdata(this.#remote(peer), hashes),
        offend: (peer, offence) => this.#offend(peer, offence),
        disconnect: (peer, reason) => this.end(this.#remote(peer), reason),
        event: (event) => this.events.push(event),
      },
      this.now,
    )
  }

  get now(): Now {
    return { mono: monoMs(this.#mono), unix: unixSeconds(this.unix + Math.floor(this.#mono / 1_000)) }
  }

  get ends(): (DisconnectReason | undefined)[] {
    return this.remotes.map(({ end }) => end)
  }

  add(options: RemoteOptions = {}): Remote {
    const blocks = options.blocks ?? []
    const peer = new Peer(
      {
        id: peerId(++this.#lastId),
        kind: options.kind ?? 'automatic',
        remote: { ip: UNSPECIFIED_V4, port: 1 },
        address: `peer ${this.#lastId}`,
        magic: 1,
        localNonce: 1n,
        group: 'g',
        groupOrder: 0,
        node: 'n',
      },
      this.now,
    )
    peer.state = 'ready'
    peer.version = {
      layout: options.layout ?? 'current',
      version: 70011,
      services: options.services ?? 1n,
      userAgent: '/Bench:1/',
      startHeight: options.claims ?? blocks.length,
      relay: true,
      nonce: options.nonce ?? 5n,
      timeOffset: 0,
    }
    const remote: Remote = {
      ...{ peer, options, blocks, asked: new Set<string>(), batches: [], getheaders: 0, from: undefined },
      ...{ readyToSendAt: 0, end: undefined },
    }
    this.remotes.push(remote)
    this.sync.ready(peer, this.now)
    this.#settle()
    return remote
  }

  /** The same node on a new connection. */
  again(remote: Remote): Remote {
    return this.add({ ...remote.options, blocks: remote.blocks })
  }

  end(remote: Remote, reason: DisconnectReason): void {
    if (remote.end !== undefined) return
    remote.end = reason
    this.chain.forget(remote.peer.id)
    this.sync.forget(remote.peer.id)
  }

  headers(remote: Remote, headers: HeaderList): void {
    if (remote.end !== undefined) return
    this.sync.onHeaders(remote.peer, headers, this.now)
    this.#settle()
  }

  inv(remote: Remote, ...hashes: Uint8Array[]): void {
    const inventory = Inventory.of(hashes.map((hash) => ({ type: InvType.block, hash })))
    this.sync.onInv(remote.peer, inventory, this.now)
    this.#settle()
  }

  block(remote: Remote, block: Block): void {
    if (remote.end !== undefined) return
    this.sync.onBlock(remote.peer, block, undefined, this.now)
    this.#settle()
  }

  /** Anything that is done to the chain or to synchronisation, and what follows from it. */
  do(use: () => void): void {
    use()
    this.#settle()
  }

  /** Lets time pass. */
  run(ms: number): void {
    const end = this.#mono + ms
    this.#settle()
    for (;;) {
      const next = this.#agenda[0]
      const at = Math.min(next?.at ?? Number.POSITIVE_INFINITY, this.sync.nextDeadline)
      if (at > end) break
      this.#mono = Math.max(this.#mono, at)
      if (next !== undefined && next.at <= this.#mono) {
        this.#agenda.shift()
        next.run()
      }
      this.#settle()
    }
    this.#mono = end
  }

  /** Lets time pass until it is so. Returns after how many milliseconds; throws if it never is. */
  runUntil(reached: () => boolean, limitMs: number): number {
    const start = this.#mono
    while (!reached()) {
      if (this.#mono - start > limitMs) throw new Error(`not reached within ${limitMs} ms`)
      const next = Math.min(this.#agenda[0]?.at ?? Number.POSITIVE_INFINITY, this.sync.nextDeadline)
      this.run(Math.max(1, Math.min(1_000, next - this.#mono)))
    }
    return this.#mono - start
  }

  after(ms: number, run: () => void): void {
    const at = this.#mono + ms
    const i = this.#agenda.findLastIndex((other) => other.at <= at)
    this.#agenda.splice(i + 1, 0, { at, run })
  }

  /** Passes on what the chain has told, as the core does after each input, and lets the plans be made. */
  #settle(): void {
    do {
      const outcomes = this.#outcomes
      this.#outcomes = []
      for (const outcome of outcomes) this.sync.outcome(outcome, this.now)
      if (this.#mono >= this.sync.nextDeadline) {
        this.sync.due(this.now)
        if (this.sync.nextDeadline <= this.#mono && this.sync.nextDeadline > Number.NEGATIVE_INFINITY)
          throw new Error(`due again at ${this.sync.nextDeadline}, which is past`)
      }
    } while (this.#outcomes.length > 0 || this.sync.nextDeadline <= this.#mono)
    if (++this.#settled % 16 !== 0) return
    const alive = new Set(this.remotes.flatMap(({ peer, end }) => (end === undefined ? [peer.id] : [])))
    for (const id of this.sync.keyedIds()) if (!alive.has(id)) throw new Error(`dead peer ${id} in a table`)
  }

  #remote(peer: Peer): Remote {
    const remote = this.remotes.find((other) => other.peer === peer)
    if (remote === undefined || remote.end !== undefined) throw new Error(`peer ${peer.id} is gone`)
    return remote
  }

  #offend(peer: Peer, offence: Offence): void {
    this.offences.push({ peer: peer.id, offence })
    if (peer.addPoints(ruleOf(offence).points, this.now.mono) >= 100)
      this.end(this.#remote(peer), 'misbehaving')
  }

  #getheaders(remote: Remote, locator: readonly Uint8Array[]): void {
    if (locator.length > 32) throw new Error('a locator that is too long')
    remote.getheaders++
    remote.from = locator[0]
    if (remote.options.mute === true) return
    const told = remote.options.answer?.()
    const at = Math.max(0, ...locator.map((hash) => heightOf(remote, hash)))
    const headers = told ?? headersOf(remote.blocks.slice(at, at + 2_000))
    this.after(remote.options.latencyMs ?? 10, () => this.headers(remote, headers))
  }

  /** It has been pinged after whatever it was asked last, and has read all of that. */
  #pong({ peer, options }: Remote): void {
    if (options.deaf === true) return
    peer.pings.sent(1n, this.now.mono)
    peer.pings.pong(1n, this.now.mono)
  }

  #getdata(remote: Remote, hashes: readonly Uint8Array[]): void {
    remote.batches.push(hashes.length)
    for (const hash of hashes) {
      const key = hashKey(hash)
      const isOldNode = remote.options.layout === 'v1' && remote.options.nonce === 0n
      if (remote.asked.has(key) && !isOldNode) throw new Error('a block is asked for twice')
      remote.asked.add(key)
      const height = heightOf(remote, hash)
      const block = remote.blocks[height - 1]
      if (block === undefined) throw new Error('a block is asked of a peer that does not have it')
      if (isOldNode) this.after(2 * (remote.options.latencyMs ?? 10), () => this.#pong(remote))
      if (remote.options.withholds?.(height) === true) continue
      remote.readyToSendAt =
        Math.max(remote.readyToSendAt, this.#mono + (remote.options.latencyMs ?? 10)) +
        (remote.options.msPerBlock ?? 1)
      const sent = remote.options.forge?.(block) ?? block
      this.after(remote.readyToSendAt - this.#mono, () => this.block(remote, sent))
    }
  }
}

const indexes = new WeakMap<FakeBlock[], Map<string, number>>()

/** Height of a block in a remote's chain; 0 for genesis and for what it does not have. */
function heightOf({ blocks }: Remote, hash: Uint8Array): number {
  let index = indexes.get(blocks)
  if (index === undefined || index.size !== blocks.length + 1) {
    index = new Map([[hashKey(FAKE_GENESIS.hash), 0]])
    for (const [i, block] of blocks.entries()) index.set(hashKey(block.hash), i + 1)
    indexes.set(blocks, index)
  }
  return index.get(hashKey(hash)) ?? 0
}
