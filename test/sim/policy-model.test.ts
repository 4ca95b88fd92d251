/** The model of the reference's policy does give points, or its silence would prove nothing. */
import { describe, expect, it } from 'vitest'
import { mainnet } from '../../src/params/networks.ts'
import { NODE_NETWORK } from '../../src/wire/address.ts'
import { Inventory } from '../../src/wire/inventory.ts'
import type { Message } from '../../src/wire/messages.ts'
import { dialFrom, stageOf, versionFor } from '../../testkit/sim/actors/actor.ts'
import type { Link } from '../../testkit/sim/actors/link.ts'
import { PolicyModel } from '../../testkit/sim/actors/policy-model.ts'
import { spreadAddress } from '../../testkit/sim/addresses.ts'
import { frameOf } from '../../testkit/sim/scripted.ts'
import { World } from '../../testkit/sim/world.ts'

const PORT = mainnet.defaultPort

class Visit {
  readonly world = new World()
  readonly stage = stageOf(this.world, mainnet, 'visit')
  readonly model = new PolicyModel(this.stage, { address: spreadAddress(1), port: PORT, seeds: [] })
  readonly heard: Message[] = []
  readonly #host = this.world.net.host(spreadAddress(2))

  /** A connection to the model; `version` as it should be unless it is changed. */
  connect(change: Parameters<typeof versionFor>[2] = {}): Link {
    let made: Link | undefined
    const handler = { message: (_: Link, message: Message) => void this.heard.push(message) }
    dialFrom(this.stage, this.#host, { host: this.model.host.address, port: PORT }, handler, (link) => {
      made = link
      link.send(versionFor(this.stage, link, change), { type: 'verack' })
    })
    this.world.run(1_000)
    if (made === undefined) throw new Error('no connection')
    return made
  }

  get charges(): [number, string][] {
    return this.model.charges.map(({ points, why }) => [points, why])
  }
}

const address = { time: 1, services: NODE_NETWORK, ip: new Uint8Array(16).fill(1), port: 1 }
const oneAddress: Message = { type: 'addr', addresses: [address] }

describe('the model of the reference policy', () => {
  it('completes a handshake, asks for addresses, and answers pings, for nothing', () => {
    const visit = new Visit()
    visit.connect().send({ type: 'ping', nonce: 5n }, oneAddress)
    visit.world.run(1_000)
    expect(visit.heard.map(({ type }) => type)).toEqual([
      'version',
      'verack',
      'getaddr',
      'sendheaders',
      'sendcmpct',
      'pong',
    ])
    expect(visit.charges).toEqual([])
  })

  it('charges for a second addr within ten seconds, whole seconds counted, and bans at a hundred points', () => {
    const visit = new Visit()
    const link = visit.connect()
    link.send(oneAddress)
    visit.world.run(11_000)
    link.send(oneAddress)
    visit.world.run(10_000)
    expect(visit.charges).toEqual([])
    for (let i = 0; i < 10; i++) link.send(oneAddress)
    visit.world.run(1_000)
    expect(visit.charges).toEqual(Array.from({ length: 10 }, () => [10, 'addr too soon']))
    expect(link.isOpen).toBe(false)
    expect(visit.connect().isOpen).toBe(false)
    expect(visit.model.refusals.get('banned')).toBe(1)
  })

  it.each<[string, Message, [number, string]]>([
    [
      'inventory of unknown types',
      { type: 'inv', inventory: Inventory.of([{ type: 9, hash: new Uint8Array(32) }]) },
      [10, 'inventory of unknown types'],
    ],
    [
      'more addresses than anybody sends',
      { type: 'addr', addresses: Array.from({ length: 1_001 }, () => address) },
      [20, '1001 addresses'],
    ],
  ])('charges for %s', (_, message, charge) => {
    const visit = new Visit()
    visit.connect().send(message)
    visit.world.run(1_000)
    expect(visit.charges).toEqual([charge])
  })

  it('charges for what it cannot read, and closes where the stream is lost', () => {
    const visit = new Visit()
    const link = visit.connect()
    link.sendBytes(frameOf(mainnet.magic, 'ping', new Uint8Array(9)))
    link.sendBytes(frameOf(mainnet.magic, 'whatever', new Uint8Array(9)))
    link.sendBytes(frameOf(mainnet.magic, 'ping', new Uint8Array(8)).fill(0xff, 20, 24))
    visit.world.run(1_000)
    expect(visit.charges).toEqual([
      [20, 'ping of 9 bytes'],
      [50, 'badChecksum'],
    ])
    expect(link.isOpen).toBe(false)
  })

  it('takes two connections of an address, and bans who is of another chain thrice in five minutes', () => {
    const visit = new Visit()
    const genesisHash = new Uint8Array(32)
    expect([visit.connect(), visit.connect({ genesisHash }), visit.connect()].map((l) => l.isOpen)).toEqual([
      true,
      true,
      false,
    ])
    visit.world.run(40_000)
    for (let i = 0; i < 2; i++) {
      visit.connect({ genesisHash })
      visit.world.run(70_000)
    }
    expect(visit.model.bans.count).toBe(1)
  })
})
