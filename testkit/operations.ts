/**
 * A whole core under random operations: strangers, dials that succeed or fail, messages good and damaged, time that
 * jumps, an operator who changes his mind. An operation is three numbers, so that a failing run shrinks to few and
 * small ones; what they mean depends on who is there. The simulator's oracle watches, and after each operation the
 * node must not have stopped looking for the peers that it misses.
 */
import fc from 'fast-check'
import type { Effect } from '../src/core/seam.ts'
import type { NetworkParams } from '../src/params/networks.ts'
import { connectionId, type DialTicket, type PeerId, unixSeconds } from '../src/primitives/brand.ts'
import { type Endpoint, type HostPort, parseIp, UNSPECIFIED_V4 } from '../src/primitives/ip.ts'
import type { RandomSource } from '../src/primitives/random.ts'
import { hostSubnet } from '../src/primitives/subnet.ts'
import type { TimedAddress } from '../src/wire/address.ts'
import type { Message } from '../src/wire/messages.ts'
import { makeCorpus, randomFromSeed } from './fuzz.ts'
import { mutate } from './mutation.ts'
import { crowdAddress, spreadAddress } from './sim/addresses.ts'
import { CoreProbe, ipOf, type ProbeOptions } from './sim/probe.ts'
import { messageOfBytes, versionOf } from './sim/scripted.ts'

export interface Operation {
  readonly what: OperationName
  readonly who: number
  readonly how: number
}

/** After this long without a dial under way, a node that misses peers must look again. */
const LOOK_AGAIN_MS = 8_000
const CORPUS_SIZE = 60

interface Pending {
  readonly ticket: DialTicket
  readonly target: HostPort
}

export class CoreOperations {
  probe: CoreProbe
  /** How often each operation was done, and how many handshakes were completed. */
  readonly done = new Map<string, number>()
  readonly #options: ProbeOptions
  readonly #network: NetworkParams
  readonly #random: RandomSource
  readonly #corpus: readonly Uint8Array[]
  #dials: Pending[] = []
  #resolves = 0
  #connections = 0
  #stopped = false

  constructor(options: ProbeOptions & { readonly network: NetworkParams }) {
    this.#options = options
    this.#network = options.network
    this.#random = randomFromSeed(options.seed ?? 1)
    this.#corpus = makeCorpus(3, CORPUS_SIZE, options.network.magic)
    this.probe = new CoreProbe(options)
  }

  run(operations: readonly Operation[]): void {
    for (const { what, who, how } of operations) {
      this.done.set(what, (this.done.get(what) ?? 0) + 1)
      deeds[what](this, who, how)
      this.collect()
      this.#checkLooking()
    }
    this.probe.handle({ type: 'shutdown' })
    this.probe.wait(600_000)
    if (this.probe.core.peers.size > 0) throw new Error('peers after the end')
  }

  /** Takes note of what the core asked for. */
  collect(): void {
    const { effects } = this.probe
    this.probe.effects = []
    for (const effect of effects) this.#effect(effect)
  }

  #effect(effect: Effect): void {
    if (effect.type === 'dial') this.#dials.push({ ticket: effect.ticket, target: effect.target })
    if (effect.type === 'resolve') this.#resolves++
    if (effect.type !== 'event') return
    if (effect.event.type === 'handshakeComplete')
      this.done.set('handshakes', (this.done.get('handshakes') ?? 0) + 1)
  }

  /** Level-triggered plans can't wait for an event that never comes. */
  #checkLooking(): void {
    const { core, now } = this.probe
    if (this.#stopped || this.#dials.length > 0 || (core.missingOutbound ?? 0) === 0) return
    const next = core.hasBacklog ? now.mono : core.nextDeadline()
    if (next === undefined || next > now.mono + LOOK_AGAIN_MS)
      throw new Error(`misses ${core.missingOutbound} peers, and does nothing until ${next} at ${now.mono}`)
  }

  peer(who: number): PeerId | undefined {
    const ids = [...this.probe.core.peers.all()].map(({ id }) => id)
    return ids[who % Math.max(1, ids.length)]
  }

  endpoint(who: number, how: number): Endpoint {
    return { ip: someIp(who), port: how % 9 === 0 ? how : this.#network.defaultPort }
  }

  addresses(who: number, how: number): TimedAddress[] {
    const { unix } = this.probe.now
    return Array.from({ length: how % 7 === 0 ? 1 + (who % 1_200) : 1 + (how % 12) }, (_, i) => ({
      ...this.endpoint(who + 31 * i, how + i),
      time: (how + i) % 5 === 0 ? who : unix - (who % 900),
      services: 1n,
    }))
  }

  message(who: number, how: number): Message {
    const kinds: readonly (() => Message)[] = [
      () => versionOf(this.#network, this.#versionChange(who, how)),
      () => ({ type: 'verack' }),
      () => ({ type: 'getaddr' }),
      () => ({ type: 'addr', addresses: this.addresses(who, how) }),
      () => ({ type: 'ping', nonce: BigInt(how) }),
      () => ({ type: 'pong', nonce: BigInt(how) }),
      () => ({ type: 'sendheaders' }),
      () => ({ type: 'reject', command: 'version', code: 0x10, reason: 'no' }),
    ]
    return kinds[how % kinds.length]?.() ?? { type: 'verack' }
  }

  #versionChange(who: number, how: number): Parameters<typeof versionOf>[1] {
    const receiver = { services: 1n, ip: who % 3 === 0 ? UNSPECIFIED_V4 : ipOf(`77.7.7.${who % 3}`), port: 1 }
    if (how % 40 === 0) return { genesisHash: new Uint8Array(32) }
    if (how % 80 === 8) return { version: 60_000 }
    const [own] = [...this.probe.core.peers.all()]
    return how % 120 === 16 && own !== undefined ? { nonce: own.localNonce } : { receiver }
  }

  damaged(): Uint8Array {
    return mutate(this.#random, this.#corpus[this.#random.below(CORPUS_SIZE)] ?? new Uint8Array(24))
  }

  connection(): ReturnType<typeof connectionId> {
    return connectionId(1_000_000 + ++this.#connections)
  }

  /** One of the dials under way, which is over now. */
  dial(who: number): Pending | undefined {
    return this.#dials.splice(who % Math.max(1, this.#dials.length), 1)[0]
  }

  get isResolving(): boolean {
    return this.#resolves > 0
  }

  resolved(): void {
    this.#resolves--
  }

  /** The process ends, with or without notice, and starts again with what it saved. */
  restart(withNotice: boolean): void {
    const addresses = structuredClone(this.probe.core.savedAddresses())
    if (withNotice) this.probe.handle({ type: 'shutdown' })
    this.#dials = []
    this.#resolves = 0
    this.probe = new CoreProbe({ ...this.#options, addresses })
  }
}

function someIp(who: number): Uint8Array {
  const special = [
    '127.0.0.1',
    '10.0.0.1',
    '0.0.0.0',
    '::',
    '::1',
    'fe80::1',
    '2a00:1::1',
    '2a00:1::2',
    '2a00:2::1',
  ]
  if (who % 10 === 9) return parseIp(special[(who >> 4) % special.length] ?? '') ?? UNSPECIFIED_V4
  return ipOf(who % 10 < 3 ? crowdAddress(who % 300, 4) : spreadAddress(who % 200))
}

type Deed = (world: CoreOperations, who: number, how: number) => void

function connect(world: CoreOperations, who: number, how: number): void {
  const dial = world.dial(who)
  if (dial === undefined) return
  const ip = parseIp(dial.target.host) ?? someIp(how)
  const remote = { ip, port: dial.target.port }
  world.probe.handle({ type: 'dialed', ticket: dial.ticket, connection: world.connection(), remote })
}

function withPeer(deed: (world: CoreOperations, peer: PeerId, who: number, how: number) => void): Deed {
  return (world, who, how) => {
    const peer = world.peer(who)
    if (peer !== undefined) deed(world, peer, who, how)
  }
}

const deeds = {
  accept(world, who, how) {
    const remote = { ip: someIp(who), port: 1_024 + (how % 60_000) }
    world.probe.handle({ type: 'accepted', connection: world.connection(), remote })
  },
  connect,
  fail(world, who, how) {
    const dial = world.dial(who)
    if (dial === undefined) return
    const error = ['ECONNREFUSED', 'timed out', 'ENETUNREACH', 'proxy refused'][how % 4] ?? ''
    world.probe.handle({ type: 'dialFailed', ticket: dial.ticket, error })
  },
  resolve(world, who, how) {
    if (!world.isResolving) return
    world.resolved()
    const addresses = Array.from({ length: how % 6 }, (_, i) => someIp(who + i))
    world.probe.handle({ type: 'resolved', addresses })
  },
  handshake: withPeer((world, peer, who, how) => {
    const { probe } = world
    probe.receive(peer, world.message(who, 8 * how))
    if (probe.core.peers.get(peer) !== undefined) probe.receive(peer, { type: 'verack' })
    if (probe.core.peers.get(peer) !== undefined) probe.flush(peer)
  }),
  say: withPeer((world, peer, who, how) => void world.probe.receive(peer, world.message(who, how))),
  tell: withPeer((world, peer, who, how) => {
    world.probe.receive(peer, { type: 'addr', addresses: world.addresses(who, how) })
  }),
  damage: withPeer((world, peer) => void world.probe.receiveBytes(peer, world.damaged())),
  flood: withPeer((world, peer, _, how) => {
    const ping = world.probe.bytesOf({ type: 'ping', nonce: 1n })
    const flood = new Uint8Array(ping.length * (1 + (how % 3_000)))
    for (let at = 0; at < flood.length; at += ping.length) flood.set(ping, at)
    world.probe.receiveBytes(peer, flood)
  }),
  trickle: withPeer((world, peer, who, how) => {
    const frame = world.probe.bytesOf(how % 5 === 0 ? messageOfBytes(70_000) : world.message(who, how))
    world.probe.receiveBytes(peer, frame.slice(0, 1 + (who % frame.length)))
  }),
  flush: withPeer((world, peer, _, how) => {
    const waiting = world.probe.peer(peer).sendQueue.bytes
    if (waiting > 0) world.probe.flush(peer, how % 3 === 0 ? waiting : 1 + (how % waiting))
  }),
  close: withPeer((world, peer, _, how) => {
    world.probe.handle(
      how % 2 === 0 ? { type: 'closed', peer } : { type: 'closed', peer, error: 'ECONNRESET' },
    )
  }),
  wait(world, _, how) {
    world.probe.wait(how % 4 === 0 ? how * 60 : how % 2_000)
  },
  /** The machine slept, or the process stood still: many things are due at once. */
  sleep(world, _, how) {
    world.probe.skip(how * 10)
    world.probe.handle({ type: 'tick' })
    world.probe.drain()
  },
  tick(world) {
    world.probe.handle({ type: 'tick' })
  },
  target(world, who, how) {
    const target = { host: who % 5 === 0 ? 'node.example' : ipText(who), port: 8_444 }
    if (how % 3 === 0) world.probe.handle({ type: 'removeTarget', target })
    else world.probe.handle({ type: 'addTarget', target, keep: how % 3 === 1 })
  },
  address(world, who, how) {
    world.probe.handle({ type: 'addAddress', endpoint: world.endpoint(who, how), tried: how % 2 === 0 })
  },
  ban(world, who, how) {
    const { unix } = world.probe.now
    const subnet = hostSubnet(someIp(who))
    if (how % 4 === 0) world.probe.handle({ type: 'clearBans' })
    else if (how % 4 === 1) world.probe.handle({ type: 'removeBan', subnet })
    else world.probe.handle({ type: 'setBan', subnet, until: unixSeconds(unix + (how % 1_000)) })
  },
  order: withPeer((world, peer, who, how) => {
    const { probe } = world
    if (how % 6 === 0) probe.handle({ type: 'disconnect', peer })
    else if (how % 6 === 1) probe.handle({ type: 'pingAll' })
    else if (how % 6 === 2) probe.handle({ type: 'send', peer, message: { type: 'mempool' } })
    else if (how % 6 === 3) probe.handle({ type: 'listening', port: 1 + (who % 40_000) })
    else probe.handle({ type: 'hold', peer, held: how % 6 === 4 })
  }),
  restart(world, _, how) {
    if (how % 20 === 0) world.restart(how % 40 === 0)
  },
} satisfies Record<string, Deed>

export type OperationName = keyof typeof deeds

function ipText(who: number): string {
  return spreadAddress(who % 30)
}

const names = Object.keys(deeds) as OperationName[]
/** What leads somewhere is done more often than what ends things. */
const likely: readonly OperationName[] = [
  ...names,
  ...(['accept', 'connect', 'connect', 'connect', 'handshake', 'handshake', 'handshake'] as const),
  ...(['say', 'tell', 'wait', 'wait', 'resolve', 'flush', 'flush', 'fail'] as const),
]

export const operations = (maxLength: number): fc.Arbitrary<Operation[]> =>
  fc.array(
    fc.record({
      what: fc.constantFrom(...likely),
      who: fc.nat({ max: 5_000 }),
      how: fc.nat({ max: 9_999 }),
    }),
    { maxLength, size: 'max' },
  )
