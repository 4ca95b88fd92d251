/** A node that only remembers what it was asked to do, and peers for it to show. */

import type { NodeEvent } from '../../src/core/seam.ts'
import type { PeerSnapshot, TrafficSnapshot } from '../../src/core/snapshot.ts'
import type {
  AddedNode,
  AddressBookSize,
  AutomaticPeers,
  NodeControl,
  OwnAddress,
} from '../../src/node/control.ts'
import { Counters, type CounterValues } from '../../src/node/counters.ts'
import type { HealthReport } from '../../src/node/health.ts'
import { NodeHistory } from '../../src/node/history.ts'
import type { WalletService } from '../../src/node/wallet-service.ts'
import { type NetworkParams, testnet } from '../../src/params/networks.ts'
import { type Ban, BanList } from '../../src/pool/ban-list.ts'
import type { AddTargetVerdict } from '../../src/pool/manual-targets.ts'
import { type PeerId, peerId, type UnixSeconds, unixSeconds } from '../../src/primitives/brand.ts'
import { type Endpoint, formatEndpoint, formatHostPort, type HostPort } from '../../src/primitives/ip.ts'
import type { Subnet } from '../../src/primitives/subnet.ts'
import type { TimedAddress } from '../../src/wire/address.ts'

export class FakeControl implements NodeControl {
  readonly chain = undefined
  readonly miner = undefined
  readonly wallet: WalletService | undefined
  readonly services = 1n
  readonly network: NetworkParams
  readonly version = '1.0.0'
  readonly userAgent = '/Dilithion:1.0.0/'
  listenPort: number | undefined = 18444
  readonly maxConnections = 125
  /** What was asked for, such as "pingAll". */
  readonly calls: string[] = []
  snapshots: PeerSnapshot[] = []
  readonly banList = new BanList()
  added: AddedNode[] = []
  addVerdict: AddTargetVerdict = 'added'
  /** What `peers` throws, once set. */
  bug: Error | undefined
  book: AddressBookSize = { total: 0, fresh: 0, tried: 0 }
  known: readonly TimedAddress[] = []
  own: readonly OwnAddress[] = []
  choice: AutomaticPeers | undefined
  uptime = 3_700
  healthReport: HealthReport = {
    eventLoop: { p50Ms: 0.1, p99Ms: 2.5, maxMs: 11 },
    memory: { heapUsedBytes: 10, heapTotalBytes: 20, heapLimitBytes: 100, externalBytes: 3, rssBytes: 50 },
  }
  readonly history = new NodeHistory(() => this.unixTime())
  readonly #counters = new Counters()
  onStop: () => void = () => {}

  constructor(network: NetworkParams = testnet, wallet?: WalletService) {
    this.network = network
    this.wallet = wallet
  }

  peers(): PeerSnapshot[] {
    if (this.bug !== undefined) throw this.bug
    return this.snapshots
  }

  totals() {
    return { bytesReceived: 1_234, bytesSent: 567, timeMs: 1_700_000_100_000 }
  }

  uptimeSeconds(): number {
    return this.uptime
  }

  addedNodes(): AddedNode[] {
    return this.added
  }

  addNode(target: HostPort, keep: boolean): AddTargetVerdict {
    this.calls.push(`addNode ${formatHostPort(target.host, target.port)} ${keep}`)
    return this.addVerdict
  }

  removeNode(target: HostPort): boolean {
    const address = formatHostPort(target.host, target.port)
    this.calls.push(`removeNode ${address}`)
    return this.added.some((row) => row.address === address)
  }

  disconnectPeer(id: PeerId): boolean {
    this.calls.push(`disconnectPeer ${id}`)
    return this.snapshots.some((peer) => peer.id === id)
  }

  bans(): Ban[] {
    return this.banList.list(this.unixTime())
  }

  ban(subnet: Subnet, until: UnixSeconds): void {
    this.banList.add({ subnet, createdAt: this.unixTime(), until, reason: 'manual', score: 0 })
  }

  unban(subnet: Subnet): boolean {
    return this.banList.remove(subnet)
  }

  clearBans(): void {
    this.banList.clear()
  }

  unixTime(): UnixSeconds {
    return unixSeconds(1_700_000_000)
  }

  addressBook(): AddressBookSize {
    return this.book
  }

  knownAddresses(max: number): readonly TimedAddress[] {
    return this.known.slice(0, max)
  }

  addKnownAddress(address: Endpoint, tried: boolean): boolean {
    this.calls.push(`addKnownAddress ${formatEndpoint(address)} ${tried}`)
    return address.port !== 1
  }

  ownAddresses(): readonly OwnAddress[] {
    return this.own
  }

  automatic(): AutomaticPeers | undefined {
    return this.choice
  }

  counters(): CounterValues {
    return this.#counters.read(this.totals())
  }

  sync(): undefined {}

  requestBlocks(): undefined {}

  health(): HealthReport {
    return this.healthReport
  }

  /** As the node does with each event. */
  tell(...events: readonly NodeEvent[]): void {
    for (const event of events) {
      this.#counters.note(event)
      this.history.note(event)
    }
  }

  pingAll(): void {
    this.calls.push('pingAll')
  }

  setMockTime(seconds: number): void {
    this.calls.push(`setMockTime ${seconds}`)
  }

  requestStop(): void {
    this.calls.push('requestStop')
    this.onStop()
  }
}

const NO_TRAFFIC: TrafficSnapshot = { bytes: 0, messages: 0, lastAt: 0, byCommand: {} }

/** A peer right after the connect, but for what is given. */
export function peer(id: number, given: Partial<Omit<PeerSnapshot, 'id'>> = {}): PeerSnapshot {
  return {
    id: peerId(id),
    kind: 'inbound',
    inbound: true,
    state: 'awaitVersion',
    sentVersion: false,
    unsolicitedPongs: 0,
    exchangesAddresses: false,
    addressesProcessed: 0,
    addressesRateLimited: 0,
    address: `127.0.0.1:${50_000 + id}`,
    remote: `127.0.0.1:${50_000 + id}`,
    connectedAt: unixSeconds(1_700_000_000),
    connectedForMs: 100_000,
    version: undefined,
    userAgent: '',
    services: 0n,
    startHeight: 0,
    relay: false,
    timeOffset: 0,
    sent: NO_TRAFFIC,
    received: NO_TRAFFIC,
    lastPingMs: undefined,
    minPingMs: undefined,
    smoothedPingMs: undefined,
    pingWaitMs: undefined,
    misbehaviour: 0,
    sendQueueBytes: 0,
    receiveBufferBytes: 0,
    prefersHeaders: false,
    compactAnnounce: undefined,
    sync: undefined,
    ...given,
  }
}

/** An outbound peer whose handshake is complete, with everything known. */
export function readyPeer(id: number, given: Partial<Omit<PeerSnapshot, 'id'>> = {}): PeerSnapshot {
  return peer(id, {
    kind: 'manual',
    inbound: false,
    state: 'ready',
    address: 'node.example:8444',
    remote: '8.8.4.4:8444',
    version: 70001,
    userAgent: '/Dilithion:0.9.0/',
    services: 9n,
    startHeight: 4_321,
    relay: true,
    timeOffset: -2,
    sent: {
      bytes: 300,
      messages: 4,
      lastAt: 1_700_000_090,
      byCommand: { ping: { messages: 3, bytes: 96 }, version: { messages: 1, bytes: 204 } },
    },
    received: {
      bytes: 128,
      messages: 2,
      lastAt: 1_700_000_095,
      byCommand: { verack: { messages: 1, bytes: 24 }, '*other*': { messages: 1, bytes: 104 } },
    },
    lastPingMs: 12.3456789,
    minPingMs: 10,
    smoothedPingMs: 11.5,
    pingWaitMs: 250,
    misbehaviour: 10,
    sendQueueBytes: 7,
    receiveBufferBytes: 9,
    ...given,
  })
}

/** Ends no wait. */
export const NO_SIGNAL = new AbortController().signal

/** A reply that needs no waiting. */
export function atOnce(reply: string | Promise<string>): string {
  if (typeof reply !== 'string') throw new Error('the reply is not there yet')
  return reply
}
