/** Methods about the network and its peers (rpc 4.5), and those that Bitcoin has beside them. */
import * as v from 'valibot'
import type { PeerSnapshot } from '../core/snapshot.ts'
import type { OwnAddress } from '../node/control.ts'
import type { NetworkParams } from '../params/networks.ts'
import { printable } from '../primitives/bytes.ts'
import { formatHostPort, type HostPort, parseHostPort } from '../primitives/ip.ts'
import { methodError } from './errors.ts'
import type { JsonValue } from './json.ts'
import { method, type RpcContext, type RpcMethod } from './method.ts'
import { peerInfo, serviceNames, servicesHex } from './peer-info.ts'

const NODE = v.string("an address such as '1.2.3.4:8444'")
const COMMAND = v.picklist(['add', 'remove', 'onetry'], "'add', 'remove' or 'onetry'")
const PEER_ID = v.pipe(v.number('the id of a peer'), v.safeInteger('the id of a peer'))

export const networkMethods: readonly RpcMethod[] = [
  method({
    name: 'getpeerinfo',
    usage: 'getpeerinfo',
    summary: 'every connected peer with what is known and was counted about it',
    params: {},
    run: (_, { control }) => control.peers().map((peer) => peerInfo(peer, control.history.eventsOf(peer.id))),
  }),
  method({
    name: 'getconnectioncount',
    usage: 'getconnectioncount',
    summary: 'number of connected peers, in either direction',
    params: {},
    run: (_, { control }) => control.peers().length,
  }),
  method({
    name: 'getnetworkinfo',
    usage: 'getnetworkinfo',
    summary: 'version, protocol, network and connections of this node',
    params: {},
    run: (_, context) => networkInfo(context),
  }),
  method({
    name: 'getnettotals',
    usage: 'getnettotals',
    summary: 'bytes received and sent since the start, and the time in milliseconds',
    params: {},
    run: (_, { control }) => {
      const { bytesReceived, bytesSent, timeMs } = control.totals()
      return { totalbytesrecv: bytesReceived, totalbytessent: bytesSent, timemillis: timeMs }
    },
  }),
  method({
    name: 'ping',
    usage: 'ping',
    summary: 'ping every peer now; getpeerinfo shows the round trips',
    params: {},
    run: (_, { control }) => {
      control.pingAll()
      return null
    },
  }),
  method({
    name: 'addnode',
    usage: 'addnode <node> <add|remove|onetry>',
    summary: 'stay connected to a peer (add), no longer (remove), or try it once (onetry)',
    params: { node: NODE, command: COMMAND },
    run: ({ node, command }, { control }) => {
      const target = parseNode(node, control.network)
      if (command === 'remove') {
        if (!control.removeNode(target)) throw notAdded(target)
        return null
      }
      const verdict = control.addNode(target, command === 'add')
      if (verdict === 'alreadyAdded') throw alreadyAdded(target)
      if (verdict === 'full') throw methodError(FULL)
      return null
    },
  }),
  method({
    name: 'getaddednodeinfo',
    usage: 'getaddednodeinfo [node]',
    summary: 'the peers that were named by addnode or at the start, and whether they are connected',
    params: { node: v.optional(NODE) },
    run: ({ node }, { control }) => addedNodeInfo(node, { control }),
  }),
  method({
    name: 'disconnectnode',
    usage: 'disconnectnode <address>, or disconnectnode "" <nodeid>',
    summary: 'close the connection to a peer, by its address or its id as getpeerinfo shows them',
    params: {
      address: v.optional(v.string('an address as getpeerinfo shows it')),
      nodeid: v.optional(PEER_ID),
    },
    aliases: { node: 'address' },
    run: ({ address, nodeid }, { control }) => {
      const peer = findPeer(control.peers(), control.network, address, nodeid)
      if (peer === undefined || !control.disconnectPeer(peer.id)) throw methodError(NOT_CONNECTED)
      return { address: peer.address, disconnected: true }
    },
  }),
]

const FULL =
  'the list of added nodes is full. Remove one with addnode <node> remove; getaddednodeinfo shows them all'
const NOT_CONNECTED = 'Node not found in connected nodes. getpeerinfo shows addresses and ids of all peers'

function networkInfo({ control }: RpcContext): JsonValue {
  const { network, listenPort } = control
  const peers = control.peers()
  const inbound = peers.filter((peer) => peer.inbound).length
  return {
    version: `v${control.version}`,
    subversion: control.userAgent,
    protocolversion: network.protocolVersion,
    network: network.name,
    localservices: servicesHex(control.services),
    localservicesnames: serviceNames(control.services),
    localrelay: true,
    timeoffset: medianTimeOffset(peers),
    networkactive: true,
    listening: listenPort !== undefined,
    ...(listenPort === undefined ? {} : { listenport: listenPort }),
    connections: peers.length,
    connections_in: inbound,
    connections_out: peers.length - inbound,
    maxconnections: control.maxConnections,
    localaddresses: control.ownAddresses().map(ownAddress),
    warnings: '',
  }
}

function ownAddress({ address, score }: OwnAddress): JsonValue {
  const { host, port } = parseHostPort(address, 1) ?? { host: address, port: 0 }
  return { address: host, port, score }
}

function medianTimeOffset(peers: readonly PeerSnapshot[]): number {
  const offsets = peers.filter((peer) => peer.state === 'ready').map((peer) => peer.timeOffset)
  return offsets.sort((a, b) => a - b)[offsets.length >> 1] ?? 0
}

function addedNodeInfo(node: string | undefined, { control }: Pick<RpcContext, 'control'>): JsonValue {
  let added = control.addedNodes()
  if (node !== undefined) {
    const target = parseNode(node, control.network)
    const address = formatHostPort(target.host, target.port)
    added = added.filter((row) => row.address === address)
    if (added.length === 0) throw notAdded(target)
  }
  const outbound = control.peers().filter((peer) => !peer.inbound)
  return added.map(({ address, connected }) => ({
    addednode: address,
    connected,
    addresses: outbound
      .filter((peer) => peer.address === address)
      .map((peer) => ({ address: peer.remote, connected: 'outbound' })),
  }))
}

function findPeer(
  peers: readonly PeerSnapshot[],
  network: NetworkParams,
  address: string | undefined,
  id: number | undefined,
): PeerSnapshot | undefined {
  // An empty address leaves the choice to the id, which is the second position.
  const named = address === '' ? undefined : address
  if ((named === undefined) === (id === undefined)) {
    throw methodError("disconnectnode: give either 'address' or 'nodeid'; getpeerinfo shows both")
  }
  if (named === undefined) return peers.find((peer) => peer.id === id)
  const parsed = parseHostPort(named, network.defaultPort)
  const full = parsed === undefined ? named : formatHostPort(parsed.host, parsed.port)
  return peers.find((peer) => [peer.address, peer.remote].some((text) => text === named || text === full))
}

function parseNode(text: string, network: NetworkParams): HostPort {
  const target = parseHostPort(text, network.defaultPort)
  if (target !== undefined) return target
  const shown = printable(text, 80)
  throw methodError(`'${shown}' is not an address. Expected ip:port, [ipv6]:port or host:port`)
}

function alreadyAdded({ host, port }: HostPort): Error {
  const address = formatHostPort(host, port)
  return methodError(`${address} is in the list of added nodes already; getaddednodeinfo shows its state`)
}

function notAdded({ host, port }: HostPort): Error {
  const address = formatHostPort(host, port)
  return methodError(`${address} is not in the list of added nodes; getaddednodeinfo shows them all`)
}
