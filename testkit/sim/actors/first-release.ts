/**
 * A model of a node of the first release (wire-protocol 16), as far as blocks are concerned: it reads one message of each
 * peer in 50 ms, and waits for those that dialled it and have said nothing, deaf and mute to all others; learns of blocks
 * by `inv` only, asks for those that it does not have, sends back those that it has, and never looks again at a block that
 * came before its parent.
 */

import type { NetworkParams } from '../../../src/params/networks.ts'
import { fromHex, toHex } from '../../../src/primitives/bytes.ts'
import type { HostPort } from '../../../src/primitives/ip.ts'
import { sha3_256 } from '../../../src/primitives/sha3.ts'
import type { Block } from '../../../src/wire/block.ts'
import { Inventory, InvType } from '../../../src/wire/inventory.ts'
import type { Message } from '../../../src/wire/messages.ts'
import type { Host } from '../network.ts'
import { v1Version } from '../scripted.ts'
import type { World } from '../world.ts'
import { dialFrom, every, listenOn, type Stage, stageOf } from './actor.ts'
import type { Link, LinkHandler } from './link.ts'

const ROUND_MS = 50
const CHECK_MS = 30_000
const PING_AFTER_MS = 60_000

interface OldPeer {
  readonly link: Link
  /** What came and was not read. */
  readonly waiting: Message[]
  lastSentAt: number
  isComplete: boolean
}

export class FirstRelease {
  readonly endpoint: HostPort
  /** Height by hash of the blocks in its index. */
  readonly heights = new Map<string, number>()
  /** Blocks that it has and will never look at. */
  lost = 0
  /** Messages of one peer that waited to be read at once, at most. */
  longestQueue = 0
  readonly #world: World
  readonly #stage: Stage
  readonly #host: Host
  readonly #blocks = new Map<string, Block>()
  readonly #peers = new Map<Link, OldPeer>()
  /** Accepted, and not greeted yet. */
  #accepted: Link[] = []
  /** Whom it has yet to read in this round. */
  #round: OldPeer[] = []
  #checkAt = 0
  /** Found while it waited for somebody. */
  #found: Block[] = []
  readonly #handler: LinkHandler = {
    message: (link, message) => {
      const peer = this.#peers.get(link)
      if (peer === undefined) return
      peer.waiting.push(message)
      this.longestQueue = Math.max(this.longestQueue, peer.waiting.length)
    },
    closed: (link) => void this.#peers.delete(link),
  }

  constructor(world: World, network: NetworkParams, ip: string) {
    this.#world = world
    this.#stage = stageOf(world, network, `first release ${ip}`)
    this.#host = world.net.host(ip)
    this.endpoint = { host: ip, port: network.defaultPort }
    this.heights.set(toHex(network.genesisHash), 0)
    listenOn(this.#stage, this.#host, network.defaultPort, this.#handler, (link) => {
      this.#accepted.push(link)
      this.#add(link)
    })
    every(world, ROUND_MS, () => {
      this.#readRound()
      return true
    })
  }

  get height(): number {
    return Math.max(...this.heights.values())
  }

  /** The first of its highest blocks. */
  get tip(): { readonly hash: Uint8Array } {
    const [key = ''] = [...this.heights].find(([, height]) => height === this.height) ?? []
    return { hash: fromHex(key) ?? new Uint8Array(0) }
  }

  /** Is it deaf and mute, because somebody that dialled it says nothing? */
  get isWaiting(): boolean {
    return this.#round.length > 0
  }

  dial(target: HostPort): void {
    dialFrom(this.#stage, this.#host, target, this.#handler, (link) => {
      this.#send(this.#add(link), v1Version())
    })
  }

  /** It has found a block. */
  mine(block: Block): void {
    this.#take(block)
    this.#found.push(block)
  }

  #add(link: Link): OldPeer {
    const peer = { link, waiting: [], lastSentAt: this.#world.time.mono, isComplete: false }
    this.#peers.set(link, peer)
    return peer
  }

  #send(peer: OldPeer, ...messages: Message[]): void {
    peer.lastSentAt = this.#world.time.mono
    peer.link.send(...messages)
  }

  #readRound(): void {
    if (!this.isWaiting) this.#beginRound()
    for (let peer = this.#round[0]; peer !== undefined; peer = this.#round[0]) {
      const message = peer.waiting.shift()
      // A socket that it accepted keeps it until there is something to read, or the end.
      if (message === undefined && peer.link.inbound && peer.link.isOpen) return
      this.#round.shift()
      if (message !== undefined && peer.link.isOpen) this.#read(peer, message)
    }
  }

  #beginRound(): void {
    for (const link of this.#accepted) {
      const peer = this.#peers.get(link)
      if (peer !== undefined) this.#send(peer, v1Version())
    }
    this.#accepted = []
    const found = this.#found.map(hashOf)
    this.#found = []
    if (found.length > 0)
      for (const peer of this.#peers.values()) if (peer.isComplete) this.#send(peer, inv(found))
    this.#ping()
    this.#round = [...this.#peers.values()]
  }

  #ping(): void {
    const { mono } = this.#world.time
    if (mono < this.#checkAt) return
    this.#checkAt = mono + CHECK_MS
    for (const peer of this.#peers.values())
      if (peer.isComplete && mono > peer.lastSentAt + PING_AFTER_MS)
        this.#send(peer, { type: 'ping', nonce: 7n })
  }

  #read(peer: OldPeer, message: Message): void {
    switch (message.type) {
      case 'version':
        return this.#send(peer, { type: 'verack' })
      case 'verack':
        peer.isComplete = true
        return
      case 'ping':
        return this.#send(peer, { type: 'pong', nonce: message.nonce })
      case 'inv': {
        const hashes = [...message.inventory].map(({ hash }) => hash.slice())
        const unknown = hashes.filter((hash) => !this.#blocks.has(toHex(hash)))
        if (unknown.length > 0) this.#send(peer, { type: 'getdata', inventory: inventoryOf(unknown) })
        return this.#give(peer, hashes)
      }
      case 'getdata':
        return this.#give(
          peer,
          [...message.inventory].map(({ hash }) => hash),
        )
      case 'block':
        return this.#take(message.block)
    }
  }

  #give(peer: OldPeer, hashes: readonly Uint8Array[]): void {
    for (const hash of hashes) {
      const block = this.#blocks.get(toHex(hash))
      if (block !== undefined) this.#send(peer, { type: 'block', block })
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
