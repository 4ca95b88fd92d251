/**
 * A model of a node of the first release (wire-protocol 16), as far as blocks are concerned: it reads one message of a
 * peer in 50 ms, learns of blocks by `inv` only, asks for those that it does not have, sends back those that it has, and
 * never looks again at a block that came before its parent.
 */

import type { NetworkParams } from '../../../src/params/networks.ts'
import { toHex } from '../../../src/primitives/bytes.ts'
import type { HostPort } from '../../../src/primitives/ip.ts'
import { sha3_256 } from '../../../src/primitives/sha3.ts'
import type { Block } from '../../../src/wire/block.ts'
import { Inventory, InvType } from '../../../src/wire/inventory.ts'
import type { Message } from '../../../src/wire/messages.ts'
import { v1Version } from '../scripted.ts'
import type { World } from '../world.ts'
import { every, listenOn, stageOf } from './actor.ts'
import type { Link } from './link.ts'

const ROUND_MS = 50

export class FirstRelease {
  readonly endpoint: HostPort
  /** Height by hash of the blocks in its index. */
  readonly heights = new Map<string, number>()
  /** Blocks that it has and will never look at. */
  lost = 0
  /** Messages that waited to be read at once, at most. */
  longestQueue = 0
  readonly #blocks = new Map<string, Block>()
  readonly #queue: { readonly link: Link; readonly message: Message }[] = []
  readonly #links = new Set<Link>()

  constructor(world: World, network: NetworkParams, ip: string) {
    const stage = stageOf(world, network, `first release ${ip}`)
    const host = world.net.host(ip)
    this.endpoint = { host: ip, port: network.defaultPort }
    this.heights.set(toHex(network.genesisHash), 0)
    const handler = {
      message: (link: Link, message: Message): void => {
        this.#queue.push({ link, message })
        this.longestQueue = Math.max(this.longestQueue, this.#queue.length)
      },
      closed: (link: Link): void => void this.#links.delete(link),
    }
    listenOn(stage, host, network.defaultPort, handler, (link) => link.send(v1Version()))
    every(world, ROUND_MS, () => {
      const next = this.#queue.shift()
      if (next?.link.isOpen) this.#read(next.link, next.message)
      return true
    })
  }

  get height(): number {
    return Math.max(...this.heights.values())
  }

  /** It has found a block. */
  mine(block: Block): void {
    this.#take(block)
    for (const link of this.#links) link.send(inv([hashOf(block)]))
  }

  #read(link: Link, message: Message): void {
    switch (message.type) {
      case 'version':
        return link.send({ type: 'verack' })
      case 'verack':
        return void this.#links.add(link)
      case 'ping':
        return link.send({ type: 'pong', nonce: message.nonce })
      case 'inv': {
        const hashes = [...message.inventory].map(({ hash }) => hash.slice())
        const unknown = hashes.filter((hash) => !this.#blocks.has(toHex(hash)))
        if (unknown.length > 0) link.send({ type: 'getdata', inventory: inventoryOf(unknown) })
        return this.#give(link, hashes)
      }
      case 'getdata':
        return this.#give(
          link,
          [...message.inventory].map(({ hash }) => hash),
        )
      case 'block':
        return this.#take(message.block)
    }
  }

  #give(link: Link, hashes: readonly Uint8Array[]): void {
    for (const hash of hashes) {
      const block = this.#blocks.get(toHex(hash))
      if (block !== undefined) link.send({ type: 'block', block })
    }
  }

  #take(block: Block): void {
    const key = toHex(hashOf(block))
    if (this.#blocks.has(key)) return
    this.#blocks.set(key, block)
    const parent = this.heights.get(toHex(block.header.previousHash))
    if (parent === undefined) this.lost++
    else this.heights.set(key, parent + 1)
  }
}

function hashOf({ header }: Block): Uint8Array {
  return sha3_256(header.bytes)
}

function inventoryOf(hashes: readonly Uint8Array[]): Inventory {
  return Inventory.of(hashes.map((hash) => ({ type: InvType.block, hash })))
}

function inv(hashes: readonly Uint8Array[]): Message {
  return { type: 'inv', inventory: inventoryOf(hashes) }
}
