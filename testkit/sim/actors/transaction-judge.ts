/**
 * A node that judges transactions as the network's other program does (wire-protocol 5.6, 5.10): it asks for whatever is
 * announced, knows no unconfirmed parents, and gives ten points for each transaction that may not be mined next by
 * what it knows. It follows the chain by the blocks that it is told of, a moment late.
 */
import type { NetworkParams } from '../../../src/params/networks.ts'
import { toHex } from '../../../src/primitives/bytes.ts'
import { Inventory, InvType } from '../../../src/wire/inventory.ts'
import type { Message } from '../../../src/wire/messages.ts'
import { type Transaction, txidOf } from '../../../src/wire/transaction.ts'
import type { LedgerModel } from '../../ledger-model.ts'
import type { Host } from '../network.ts'
import type { SimNode } from '../node.ts'
import type { World } from '../world.ts'
import { dialFrom, type Stage, stageOf, versionFor } from './actor.ts'
import type { Link } from './link.ts'

/** Until a block that it was told of is its tip. */
const CONNECT_MS = 5_000
const REDIAL_MS = 5_000

export class TransactionJudge {
  /** Why points were given. */
  readonly charges: string[] = []
  /** Ids of the transactions that it took, in hex. */
  readonly taken = new Set<string>()
  readonly #stage: Stage
  readonly #host: Host
  readonly #ledger: LedgerModel
  readonly #asked = new Set<string>()
  #tip: Uint8Array

  /** `tip`: hash of the block that it has when it comes. */
  constructor(world: World, network: NetworkParams, ip: string, ledger: LedgerModel, tip: Uint8Array) {
    this.#stage = stageOf(world, network, `judge ${ip}`)
    this.#host = world.net.host(ip)
    this.#ledger = ledger
    this.#tip = tip
  }

  /** Stays connected to a node, and has heard of its tip from others a moment after each handshake. */
  follow(node: SimNode): void {
    const again = (): void => this.#stage.world.time.after(REDIAL_MS, () => this.follow(node))
    const handler = {
      message: (link: Link, message: Message): void => this.#message(link, message, node),
      closed: again,
    }
    const greet = (link: Link): void =>
      link.send(versionFor(this.#stage, link, { startHeight: this.#ledger.heightOf(this.#tip) }))
    dialFrom(this.#stage, this.#host, node.endpoint, handler, greet, again)
  }

  #message(link: Link, message: Message, node: SimNode): void {
    switch (message.type) {
      case 'version':
        this.#hear(node.core?.chain?.tip.hash ?? this.#tip)
        return link.send({ type: 'verack' })
      case 'ping':
        return link.send({ type: 'pong', nonce: message.nonce })
      case 'tx':
        return this.#judge(message.transaction)
      case 'inv':
        for (const { type, hash } of message.inventory) {
          if (type === InvType.block) this.#hear(hash.slice())
          else this.#ask(link, hash)
        }
        return
    }
  }

  #ask(link: Link, hash: Uint8Array): void {
    const id = toHex(hash)
    if (this.#asked.has(id)) return
    this.#asked.add(id)
    link.send({ type: 'getdata', inventory: Inventory.of([{ type: InvType.transaction, hash }]) })
  }

  #hear(hash: Uint8Array): void {
    this.#stage.world.time.after(CONNECT_MS, () => {
      if (this.#ledger.heightOf(hash) > this.#ledger.heightOf(this.#tip)) this.#tip = hash
    })
  }

  #judge(transaction: Transaction): void {
    const height = this.#ledger.heightOf(this.#tip) + 1
    const wrong = this.#ledger.wrongAt(transaction, this.#ledger.coinsAt(this.#tip), height)
    const id = toHex(txidOf(transaction))
    if (wrong === undefined) this.taken.add(id)
    else this.charges.push(`${id} ${wrong} at height ${height}`)
  }
}
