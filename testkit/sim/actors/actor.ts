/** What all actors have in common: a machine, a listener, dials that may fail, a handshake as others expect it. */
import type { NetworkParams } from '../../../src/params/networks.ts'
import { type HostPort, UNSPECIFIED_V4 } from '../../../src/primitives/ip.ts'
import type { RandomSource } from '../../../src/primitives/random.ts'
import { NODE_NETWORK } from '../../../src/wire/address.ts'
import type { CurrentVersion } from '../../../src/wire/version.ts'
import type { Host } from '../network.ts'
import { START_UNIX } from '../virtual-time.ts'
import type { World } from '../world.ts'
import { Link, type LinkHandler } from './link.ts'

const DIAL_TIMEOUT_MS = 10_000

export interface Stage {
  readonly world: World
  readonly network: NetworkParams
  readonly random: RandomSource
}

export function stageOf(world: World, network: NetworkParams, name: string): Stage {
  return { world, network, random: world.random.fork(name) }
}

/** Dials; `connected` only if that works. */
export function dialFrom(
  { world, network }: Stage,
  host: Host,
  target: HostPort,
  handler: LinkHandler,
  connected: (link: Link) => void,
  failed: () => void = () => undefined,
): void {
  world.net.dial(host, target, DIAL_TIMEOUT_MS, {
    connected: (socket) => connected(new Link(network, socket, false, handler)),
    failed,
  })
}

export function listenOn(
  { world, network }: Stage,
  host: Host,
  port: number,
  handler: LinkHandler,
  accepted?: (link: Link) => void,
): void {
  world.net.listen(host, port, (socket) => {
    const link = new Link(network, socket, true, handler)
    accepted?.(link)
  })
}

/** A `version` as a node of this network sends it on this connection, with an own nonce. */
export function versionFor(
  { world, network, random }: Stage,
  link: Link,
  change: Partial<CurrentVersion> = {},
): CurrentVersion {
  return {
    layout: 'current',
    type: 'version',
    version: network.protocolVersion,
    services: NODE_NETWORK,
    time: BigInt(unixNow(world)),
    nonce: random.nonce(),
    userAgent: '/Actor:1.0/',
    startHeight: 1,
    relay: true,
    receiver: { services: NODE_NETWORK, ip: link.remote.ip, port: link.remote.port },
    sender: { services: NODE_NETWORK, ip: UNSPECIFIED_V4, port: 0 },
    genesisHash: network.genesisHash,
    ...change,
  }
}

export function unixNow(world: World): number {
  return START_UNIX + Math.floor(world.time.mono / 1_000)
}

/** Calls `run` every so often, for as long as it returns true. */
export function every(world: World, periodMs: number, run: () => boolean): void {
  world.time.after(periodMs, () => {
    if (run()) every(world, periodMs, run)
  })
}
