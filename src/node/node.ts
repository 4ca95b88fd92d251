/**
 * A node that runs inside a program: core and shell put together, with chain, miner and wallet if it has them. No log, no
 * RPC, no files of its own: the program that embeds it adds what it wants (`dilithion-node` is one such program).
 */
import { randomBytes } from 'node:crypto'
import type { HeaderNode } from '../chain/header-node.ts'
import { NODE_STOPS } from '../chain/maintenance.ts'
import { NodeCore } from '../core/core.ts'
import type { NodeEvent } from '../core/seam.ts'
import { type PeerSnapshot, snapshotPeer } from '../core/snapshot.ts'
import type { NetworkParams } from '../params/networks.ts'
import type { SavedAddresses } from '../pool/address-row.ts'
import type { Ban } from '../pool/ban-list.ts'
import type { AddTargetVerdict } from '../pool/manual-targets.ts'
import { type PeerId, peerId, type UnixSeconds } from '../primitives/brand.ts'
import { bytesEqual } from '../primitives/bytes.ts'
import { checkHostPort, type Endpoint, formatEndpoint, type HostPort } from '../primitives/ip.ts'
import { RandomSource } from '../primitives/random.ts'
import type { Subnet } from '../primitives/subnet.ts'
import { SystemClock } from '../shell/clock.ts'
import { ConnectionManager } from '../shell/connection-manager.ts'
import type { SyncSnapshot } from '../sync/snapshot.ts'
import type { WantedBlocks } from '../sync/takers.ts'
import { NODE_NETWORK, NODE_NETWORK_LIMITED, type TimedAddress } from '../wire/address.ts'
import { encodePayload, type Message } from '../wire/messages.ts'
import type { ChainBackend } from './chain-backend.ts'
import { ChainControl } from './chain-control.ts'
import type {
  AddedNode,
  AddressBookSize,
  AutomaticPeers,
  NodeControl,
  NodeTotals,
  OwnAddress,
} from './control.ts'
import { Counters, type CounterValues } from './counters.ts'
import { HealthMonitor, type HealthReport } from './health.ts'
import { NodeHistory } from './history.ts'
import { Miner } from './miner.ts'
import { DEFAULT_LIMITS, type NodeOptions } from './node-options.ts'
import { userAgentOf, VERSION } from './version.ts'
import { WalletService } from './wallet-service.ts'

/** A whole node, to be embedded. Until it is started it neither listens nor dials. */
export class DilithionNode implements NodeControl {
  readonly network: NetworkParams
  readonly version = VERSION
  readonly chain: ChainControl | undefined
  readonly miner: Miner | undefined
  readonly wallet: WalletService | undefined
  readonly userAgent: string
  readonly maxConnections: number
  readonly #options: NodeOptions
  readonly #clock = new SystemClock()
  /** By the process's own clock, which mock time leaves alone. */
  readonly #startedAt = performance.now()
  readonly #core: NodeCore
  readonly #connections: ConnectionManager
  readonly history = new NodeHistory(() => this.unixTime())
  readonly #counters = new Counters()
  readonly #health: HealthMonitor
  #listenPort: number | undefined
  #stopping: Promise<void> | undefined
  /** Bytes of peers that are gone. */
  #pastSent = 0
  #pastReceived = 0

  /** Throws RangeError if an option makes no sense. */
  constructor(options: NodeOptions) {
    for (const target of options.targets ?? []) checkHostPort(target)
    if (options.proxy !== undefined) checkHostPort(options.proxy)
    const { genesis } = options.network.chain
    if (options.chain !== undefined && !bytesEqual(options.chain.genesisHash, genesis.hash))
      throw new RangeError(`the chain given is not that of ${options.network.name}`)
    const limits = options.limits ?? DEFAULT_LIMITS
    this.network = options.network
    this.userAgent = options.userAgent ?? userAgentOf(VERSION)
    this.maxConnections = limits.maxConnections
    this.#options = options
    this.#health = new HealthMonitor(options.health)
    this.#core = new NodeCore(
      {
        network: options.network,
        identity: {
          userAgent: this.userAgent,
          startHeight: options.startHeight ?? 0,
          services: this.services,
          prefersInv: options.prefersInv,
        },
        limits,
        random: new RandomSource(randomBytes(32)),
        targets: options.targets ?? [],
        automatic: options.automatic,
        addresses: options.addresses,
        ownAddress: options.ownAddress?.ip,
        listenPort: options.ownAddress?.port,
        bans: options.bans ?? [],
        chain: options.chain?.create,
        mempoolBytes: options.mempoolBytes,
        traceMessages: options.traceMessages ?? false,
        deliverMessages: options.deliverMessages ?? false,
      },
      this.#clock.now(),
    )
    this.#connections = new ConnectionManager({
      core: this.#core,
      clock: this.#clock,
      onEvent: (event) => this.#onEvent(event),
      onListenerError: (text) => options.onListenerError?.(text),
      proxy: options.proxy,
      io: options.chain?.io,
    })
    if (options.chain === undefined) return
    this.chain = this.#controlOf(options.chain)
    this.miner = new Miner(this.chain, () => this.#isAloneByChoice(), options.mining)
    const hasCoins = options.network.chain.body === 'transactions'
    if (hasCoins && options.wallet !== undefined) this.wallet = new WalletService(this.chain, options.wallet)
    if (this.wallet !== undefined) this.miner.useWallet(this.wallet)
  }

  #controlOf(backend: ChainBackend): ChainControl {
    return new ChainControl(backend, {
      withChain: (use) =>
        this.#connections.command({
          type: 'withChain',
          use: () => {
            if (backend.engine !== undefined) use(backend.engine)
          },
        }),
      mempool: () => this.#core.mempool,
      unixTime: () => this.unixTime(),
    })
  }

  get services(): bigint {
    return this.#options.chain?.isPruning === true ? NODE_NETWORK_LIMITED : NODE_NETWORK
  }

  get listenPort(): number | undefined {
    return this.#listenPort
  }

  /** Takes connections, if it is to; dials nobody yet. Rejects with the system's error if the port can't be had. */
  async listen(): Promise<void> {
    const { listen } = this.#options
    if (listen === undefined || this.#listenPort !== undefined) return
    this.#listenPort = await this.#connections.listen(listen.port, listen.host)
    const { ownAddress, proxy } = this.#options
    // Through a proxy peers see the proxy, and what the operator named may be another port, as a router forwards it.
    if (ownAddress === undefined ? proxy === undefined : ownAddress.port === undefined)
      this.#connections.command({ type: 'listening', port: this.#listenPort })
  }

  /**
   * Listens, unless it does already, and dials. Rejects as {@link listen} does, or if the wallet can't be used. A node that
   * was stopped stays stopped: make another one.
   */
  async start(): Promise<void> {
    await this.wallet?.start()
    await this.listen()
    if (this.#stopping !== undefined) return
    if (this.#options.health !== undefined) this.#health.start()
    this.#connections.start()
  }

  /** Closes all connections; resolves when none is left. */
  stop(): Promise<void> {
    this.#health.stop()
    this.#stopping ??= this.#stopAll()
    return this.#stopping
  }

  async #stopAll(): Promise<void> {
    const wallet = this.wallet?.close()
    await this.miner?.stop()
    const stopped = this.#connections.stop()
    this.chain?.end(NODE_STOPS)
    await Promise.all([stopped, wallet])
  }

  peers(): PeerSnapshot[] {
    const { mono } = this.#clock.now()
    const sync = new Map(this.sync()?.peers.map((row) => [row.id, row]))
    return Array.from(this.#core.peers.all(), (peer) => snapshotPeer(peer, mono, sync.get(peer.id)))
  }

  sync(): SyncSnapshot | undefined {
    return this.#core.sync?.snapshot(this.#clock.now())
  }

  requestBlocks(nodes: readonly HeaderNode[]): WantedBlocks | undefined {
    let wanted: WantedBlocks | undefined
    const done = (found: WantedBlocks): void => {
      wanted = found
    }
    this.#connections.command({ type: 'requestBlocks', nodes, done })
    return wanted
  }

  totals(): NodeTotals {
    let bytesSent = this.#pastSent
    let bytesReceived = this.#pastReceived
    for (const peer of this.#core.peers.all()) {
      bytesSent += peer.sent.bytes
      bytesReceived += peer.received.bytes
    }
    return { bytesSent, bytesReceived, timeMs: this.#clock.unixMs() }
  }

  uptimeSeconds(): number {
    return Math.floor((performance.now() - this.#startedAt) / 1_000)
  }

  addedNodes(): AddedNode[] {
    const kept = [...this.#core.targets.rows].filter((row) => row.keep)
    return kept.map(({ address, peer }) => ({ address, connected: peer !== undefined }))
  }

  addNode(target: HostPort, keep: boolean): AddTargetVerdict {
    checkHostPort(target)
    const before = this.#core.targets.find(target)
    if (before !== undefined && (before.keep || !keep)) return 'alreadyAdded'
    this.#connections.command({ type: 'addTarget', target, keep })
    return this.#core.targets.find(target) === undefined ? 'full' : 'added'
  }

  removeNode(target: HostPort): boolean {
    const found = this.#core.targets.find(target)?.keep === true
    this.#connections.command({ type: 'removeTarget', target })
    return found
  }

  disconnectPeer(id: PeerId): boolean {
    const found = this.#core.peers.get(id) !== undefined
    this.#connections.command({ type: 'disconnect', peer: id })
    return found
  }

  bans(): Ban[] {
    return this.#core.bans.list(this.unixTime())
  }

  ban(subnet: Subnet, until: UnixSeconds): void {
    this.#connections.command({ type: 'setBan', subnet, until })
  }

  unban(subnet: Subnet): boolean {
    const found = this.#core.bans.find(subnet) !== undefined
    this.#connections.command({ type: 'removeBan', subnet })
    return found
  }

  clearBans(): void {
    this.#connections.command({ type: 'clearBans' })
  }

  addressBook(): AddressBookSize {
    const { size, newCount, triedCount } = this.#core.addresses
    return { total: size, fresh: newCount, tried: triedCount }
  }

  knownAddresses(max: number): readonly TimedAddress[] {
    return this.#core.addresses.sample(max, 1, this.unixTime(), () => true)
  }

  addKnownAddress(endpoint: Endpoint, tried: boolean): boolean {
    const before = this.#core.addresses.find(endpoint)
    this.#connections.command({ type: 'addAddress', endpoint, tried })
    return before === undefined && this.#core.addresses.find(endpoint) !== undefined
  }

  /** What is to be given as `addresses` at the next start. */
  savedAddresses(): SavedAddresses {
    return this.#core.savedAddresses()
  }

  ownAddresses(): readonly OwnAddress[] {
    const port = this.#options.ownAddress?.port ?? this.#listenPort
    if (port === undefined) return []
    const { candidates, ip } = this.#core.ownAddress
    const counted = candidates.filter((row) => row.ip === ip)
    return counted.map((row) => ({ address: formatEndpoint({ ip: row.ip, port }), score: row.score }))
  }

  automatic(): AutomaticPeers | undefined {
    const { automatic } = this.#options
    const missing = this.#core.missingOutbound
    if (automatic === undefined || missing === undefined) {
      const seeding = { dns: [], fixed: [] }
      return this.#options.exclusive === true
        ? { outbound: 0, missing: 0, exclusive: true, seeding }
        : undefined
    }
    const { outbound, dnsSeeds, fixedSeeds } = automatic
    return {
      outbound: outbound - missing,
      missing,
      exclusive: false,
      seeding: { dns: dnsSeeds, fixed: fixedSeeds },
    }
  }

  /** Is nobody here whose chain could be ahead of ours, and nobody looked for? */
  #isAloneByChoice(): boolean {
    const automatic = this.automatic()
    if (this.addedNodes().length > 0 || (automatic !== undefined && !automatic.exclusive)) return false
    for (const peer of this.#core.peers.all()) if (peer.state === 'ready') return false
    return true
  }

  counters(): CounterValues {
    return this.#counters.read(this.totals())
  }

  health(): HealthReport {
    return this.#health.report()
  }

  unixTime(): UnixSeconds {
    return this.#clock.now().unix
  }

  pingAll(): void {
    this.#connections.command({ type: 'pingAll' })
  }

  /** Sends to a peer whose handshake is complete; false if there is none of that id. Throws as encoding does. */
  send(id: number, message: Message): boolean {
    if (this.#core.peers.get(peerId(id))?.state !== 'ready') return false
    // Here, where the caller sees it: the command itself may have to wait for others.
    encodePayload(message, this.network.chain)
    this.#connections.command({ type: 'send', peer: peerId(id), message })
    return true
  }

  /** Stops, or goes on, taking messages from a peer; it is not read from meanwhile. */
  hold(id: number, held: boolean): void {
    this.#connections.command({ type: 'hold', peer: peerId(id), held })
  }

  /** Throws RangeError on a network whose clock can't be set. */
  setMockTime(seconds: number): void {
    if (!this.network.allowsMockTime) throw new RangeError(`the clock of ${this.network.name} can't be set`)
    this.#clock.setMockTime(seconds)
    this.#connections.clockChanged()
  }

  requestStop(): void {
    this.#options.onStopRequest?.()
  }

  #onEvent(event: NodeEvent): void {
    this.#counters.note(event)
    this.history.note(event)
    if (event.type === 'chain') this.chain?.note(event.outcome)
    this.miner?.note(event)
    this.wallet?.note(event)
    if (event.type === 'disconnected') {
      this.#pastSent += event.bytesSent
      this.#pastReceived += event.bytesReceived
    }
    this.#options.onEvent?.(event)
  }
}
