/**
 * A peer that has a chain, and serves it as it likes: silent about headers or blocks, boastful about its height, slow,
 * sending what nobody can use. It takes connections and dials.
 */
import type { NetworkParams } from '../../../src/params/networks.ts'
import { toHex } from '../../../src/primitives/bytes.ts'
import type { HostPort } from '../../../src/primitives/ip.ts'
import type { Block } from '../../../src/wire/block.ts'
import { HeaderList } from '../../../src/wire/header.ts'
import { InvType } from '../../../src/wire/inventory.ts'
import type { Message } from '../../../src/wire/messages.ts'
import type { BuiltBlock } from '../../chain-builder.ts'
import type { Host } from '../network.ts'
import type { World } from '../world.ts'
import { dialFrom, listenOn, type Stage, stageOf, versionFor } from './actor.ts'
import type { Link } from './link.ts'

export interface ChainManners {
  /** What its `version` says. */
  readonly claims?: number
  /** Does it answer `getheaders`? */
  readonly givesHeaders?: boolean
  /** Which blocks it serves, by height. */
  readonly gives?: (height: number) => boolean
  /** Sent instead of a block. */
  readonly forge?: (block: Block) => Block
  /** Called after the handshake. */
  readonly greet?: (actor: ChainActor, link: Link) => void
}

const MAX_HEADERS = 2_000

export class ChainActor {
  readonly host: Host
  readonly endpoint: HostPort
  /** Behind genesis. */
  blocks: readonly BuiltBlock[]
  /** Hashes asked of it, over all connections. */
  asked = 0
  /** Connections that ended. */
  ended = 0
  readonly #stage: Stage
  readonly #manners: ChainManners
  readonly #heights = new Map<string, number>()

  constructor(
    world: World,
    network: NetworkParams,
    ip: string,
    blocks: readonly BuiltBlock[],
    manners: ChainManners = {},
  ) {
    this.#stage = stageOf(world, network, `chain actor ${ip}`)
    this.host = world.net.host(ip)
    this.endpoint = { host: ip, port: network.defaultPort }
    this.blocks = blocks
    this.#manners = manners
    for (const block of blocks) this.#heights.set(toHex(block.hash), block.height)
    listenOn(this.#stage, this.host, network.defaultPort, this.#handler)
  }

  dial(target: HostPort): void {
    dialFrom(this.#stage, this.host, target, this.#handler, (link) => link.send(this.#version(link)))
  }

  readonly #handler = {
    message: (link: Link, message: Message): void => this.#message(link, message),
    closed: (): void => {
      this.ended++
    },
  }

  #version(link: Link): Message {
    const startHeight = this.#manners.claims ?? this.blocks.length
    return versionFor(this.#stage, link, { startHeight })
  }

  #message(link: Link, message: Message): void {
    switch (message.type) {
      case 'version':
        if (link.inbound) link.send(this.#version(link))
        return link.send({ type: 'verack' })
      case 'verack':
        return this.#manners.greet?.(this, link)
      case 'ping':
        return link.send({ type: 'pong', nonce: message.nonce })
      case 'getheaders':
        if (this.#manners.givesHeaders === false) return
        return link.send({ type: 'headers', headers: this.#headers(message.locator) })
      case 'getdata':
        for (const { type, hash } of message.inventory) if (type === InvType.block) this.#serve(link, hash)
        return
    }
  }

  #headers(locator: readonly Uint8Array[]): HeaderList {
    const from = Math.max(0, ...locator.map((hash) => this.#heights.get(toHex(hash)) ?? 0))
    return HeaderList.of(this.blocks.slice(from, from + MAX_HEADERS).map(({ header }) => header))
  }

  #serve(link: Link, hash: Uint8Array): void {
    this.asked++
    const height = this.#heights.get(toHex(hash)) ?? 0
    const block = this.blocks[height - 1]?.block
    if (block === undefined || this.#manners.gives?.(height) === false) return
    link.send({ type: 'block', block: this.#manners.forge?.(block) ?? block })
  }
}
