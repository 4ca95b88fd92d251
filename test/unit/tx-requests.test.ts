/** Of whom transactions are asked, when, and when of somebody else; and what peers are blamed for. */
import { beforeEach, describe, expect, it } from 'vitest'
import {
  GETDATA_INTERVAL_MS,
  MAX_ADMISSIONS,
  MAX_TX_IN_FLIGHT,
  MAX_TX_SOURCES,
  TX_GETDATA_INTERVAL_MS,
  TX_INBOUND_DELAY_MS,
  TX_REQUEST_TIMEOUT_MS,
} from '../../src/params/limits.ts'
import { toHex } from '../../src/primitives/bytes.ts'
import { sha3_256 } from '../../src/primitives/sha3.ts'
import { Inventory, InvType } from '../../src/wire/inventory.ts'
import type { Message } from '../../src/wire/messages.ts'
import { spend } from '../../testkit/chain-builder.ts'
import {
  builder,
  coinbaseOf,
  FEE,
  idOf,
  invOf,
  pay,
  TRUNK,
  TransactionProbe,
  VALUE,
} from '../../testkit/transaction-probe.ts'

let probe: TransactionProbe

beforeEach(() => {
  probe = new TransactionProbe()
})

/** Ids that belong to nothing. */
const madeUp = (count: number): Message => ({
  type: 'inv',
  inventory: Inventory.of(
    Array.from({ length: count }, (_, i) => ({
      type: InvType.transaction,
      hash: sha3_256(new Uint8Array([i & 0xff, i >>> 8])),
    })),
  ),
})

describe('an announced transaction', () => {
  it('is asked for at once of a peer that we chose, and later of one that came to us', () => {
    const chosen = probe.outbound('9.1.1.1')
    const stranger = probe.inbound('9.2.1.1')
    probe.receive(chosen, invOf(pay(1)))
    probe.receive(stranger, invOf(pay(2)))
    expect(probe.askedOf(chosen)).toEqual([idOf(pay(1))])
    probe.wait(TX_INBOUND_DELAY_MS - 1)
    expect(probe.askedOf(stranger)).toEqual([])
    probe.wait(1)
    expect(probe.askedOf(stranger)).toEqual([idOf(pay(2))])
  })

  it('is asked of one peer at a time: of the next one when that one is late', () => {
    const first = probe.outbound('9.1.1.1')
    const stranger = probe.inbound('9.2.1.1')
    const second = probe.outbound('9.3.1.1')
    for (const id of [first, stranger, second]) probe.receive(id, invOf(pay(1)))
    probe.live(TX_REQUEST_TIMEOUT_MS - 1)
    expect([first, stranger, second].map((id) => probe.askedOf(id).length)).toEqual([1, 0, 0])
    probe.live(1)
    expect([first, stranger, second].map((id) => probe.askedOf(id).length)).toEqual([1, 0, 1])
    probe.live(TX_REQUEST_TIMEOUT_MS)
    expect([first, stranger, second].map((id) => probe.askedOf(id).length)).toEqual([1, 1, 1])
    probe.live(TX_REQUEST_TIMEOUT_MS)
    expect([first, stranger, second].map((id) => probe.askedOf(id).length)).toEqual([1, 1, 1])
  })

  it('is asked of the next one at once when the first leaves', () => {
    const first = probe.outbound('9.1.1.1')
    const second = probe.inbound('9.2.1.1')
    for (const id of [first, second]) probe.receive(id, invOf(pay(1)))
    probe.wait(TX_INBOUND_DELAY_MS)
    expect(probe.askedOf(second)).toEqual([])
    probe.handle({ type: 'closed', peer: first })
    expect(probe.askedOf(second)).toEqual([idOf(pay(1))])
  })

  it('is not asked of anybody else when it has come', () => {
    const first = probe.outbound('9.1.1.1')
    const second = probe.inbound('9.2.1.1')
    for (const id of [first, second]) probe.receive(id, invOf(pay(1)))
    probe.receive(first, { type: 'tx', transaction: pay(1) })
    expect(probe.mempool.table.size).toBe(1)
    probe.live(2 * TX_REQUEST_TIMEOUT_MS)
    expect(probe.askedOf(second)).toEqual([])
  })

  it('is not asked for if it waits here, was refused or mined', () => {
    const peer = probe.outbound('9.1.1.1')
    probe.submit(pay(1))
    probe.receive(peer, { type: 'tx', transaction: pay(2, 1) })
    probe.mine(builder.next(TRUNK.at(-1) ?? builder.genesis, { transactions: [pay(3)], fees: FEE }))
    probe.receive(peer, { type: 'tx', transaction: pay(4, 1) })
    probe.receive(peer, invOf(pay(1), pay(3), pay(4, 1)))
    expect(probe.askedOf(peer)).toEqual([])
    // A new tip gives what was refused another chance.
    probe.receive(peer, invOf(pay(2, 1)))
    expect(probe.askedOf(peer)).toEqual([idOf(pay(2, 1))])
  })

  it('is not asked for while the node catches up, nor of a peer that is for blocks only', () => {
    const behind = new TransactionProbe({}, TRUNK, false)
    const peer = behind.outbound('9.1.1.1')
    expect(behind.core.chain?.isInitialDownload).toBe(true)
    probe.peer(probe.outbound('9.2.1.1')).kind = 'blockRelay'
    behind.receive(peer, invOf(pay(1)), { type: 'tx', transaction: pay(2) })
    expect(behind.askedOf(peer)).toEqual([])
    expect(behind.mempool.table.size).toBe(0)
    const [blocksOnly] = [...probe.core.peers.all()]
    if (blocksOnly === undefined) throw new Error('no peer')
    probe.receive(blocksOnly.id, invOf(pay(1)), { type: 'tx', transaction: pay(2) })
    expect(probe.askedOf(blocksOnly.id)).toEqual([])
    expect(probe.mempool.table.size).toBe(0)
  })

  it('waits while many are asked of the peer, and is asked for in few messages', () => {
    const peer = probe.outbound('9.1.1.1')
    probe.receive(peer, madeUp(MAX_TX_IN_FLIGHT + 50))
    probe.live(TX_REQUEST_TIMEOUT_MS - 1)
    expect(probe.askedOf(peer)).toHaveLength(MAX_TX_IN_FLIGHT)
    probe.live(1 + TX_GETDATA_INTERVAL_MS)
    expect(probe.askedOf(peer)).toHaveLength(MAX_TX_IN_FLIGHT + 50)
    expect(probe.commandsTo(peer).filter((type) => type === 'getdata')).toHaveLength(2)
  })

  it('one by one leads to no more questions than others like', () => {
    const peer = probe.outbound('9.1.1.1')
    for (let i = 1; i <= 50; i++) {
      probe.receive(peer, invOf(pay(i)))
      probe.wait(10)
    }
    probe.wait(TX_GETDATA_INTERVAL_MS)
    expect(new Set(probe.askedOf(peer)).size).toBe(50)
    expect(probe.commandsTo(peer).filter((type) => type === 'getdata').length).toBeLessThanOrEqual(7)
  })

  it('is asked for so seldom that blocks may be asked for as well: others take fifty questions in two seconds', () => {
    const most = (intervalMs: number): number => Math.ceil(2_000 / intervalMs)
    expect(most(TX_GETDATA_INTERVAL_MS) + most(GETDATA_INTERVAL_MS)).toBeLessThanOrEqual(45)
  })

  it('is asked of a peer that we chose, however many strangers say that they have it', () => {
    const strangers = Array.from({ length: MAX_TX_SOURCES }, (_, i) => probe.inbound(`9.${i + 10}.1.1`))
    for (const id of strangers) probe.receive(id, invOf(pay(1)))
    const chosen = probe.outbound('9.1.1.1')
    probe.receive(chosen, invOf(pay(1)))
    expect(probe.askedOf(chosen)).toEqual([idOf(pay(1))])
  })

  it('is asked for again if it came while too many were being judged', () => {
    const flooders = [1, 2, 3, 4].map((i) => probe.inbound(`9.${i + 10}.1.1`))
    const peer = probe.outbound('9.1.1.1')
    probe.held = true
    for (let i = 0; i < MAX_ADMISSIONS; i++)
      probe.receive(flooders[i % 4] ?? peer, { type: 'tx', transaction: pay((i % 50) + 1, FEE + i) })
    probe.wait(1)
    probe.receive(peer, { type: 'tx', transaction: pay(55) })
    expect(probe.askedOf(peer)).toEqual([])
    probe.held = false
    probe.answer()
    probe.wait(TX_GETDATA_INTERVAL_MS)
    expect(probe.askedOf(peer)).toEqual([idOf(pay(55))])
  })

  it('is not asked for while many are being judged', () => {
    const peer = probe.outbound('9.1.1.1')
    probe.held = true
    const chain = Array.from({ length: 57 }, (_, i) => pay(i + 1))
    const rivals = chain.flatMap((_, i) => [1, 2].map((n) => pay(i + 1, FEE + n)))
    for (const transaction of [...chain, ...rivals]) probe.receive(peer, { type: 'tx', transaction })
    probe.drain()
    expect(probe.mempool.isBusy).toBe(true)
    probe.receive(peer, madeUp(1))
    expect(probe.askedOf(peer)).toEqual([])
    probe.held = false
    probe.answer()
    probe.wait(TX_GETDATA_INTERVAL_MS)
    expect(probe.askedOf(peer)).toEqual([toHex(sha3_256(new Uint8Array(2)))])
  })
})

describe('points', () => {
  it('are for what nobody may ever mine, and for nothing else', () => {
    const peer = probe.inbound('9.1.1.1')
    const scores = (): number => probe.peer(peer).score(probe.now.mono)
    const early = spend(coinbaseOf(60), [0], [VALUE - FEE])
    const orphan = spend(pay(1), [0], [VALUE - 2 * FEE])
    const locked = { ...pay(2), lockTime: 70, inputs: pay(2).inputs.map((i) => ({ ...i, sequence: 0 })) }
    probe.submit(pay(3))
    for (const transaction of [early, orphan, locked, pay(4, 1), pay(5, 20_000_000), pay(3, 2 * FEE)])
      probe.receive(peer, { type: 'tx', transaction })
    expect(scores()).toBe(0)
    probe.receive(peer, { type: 'tx', transaction: spend(coinbaseOf(6), [0], [VALUE - FEE], false) })
    expect(scores()).toBe(50)
    probe.receive(peer, { type: 'tx', transaction: spend(coinbaseOf(7), [0], [VALUE + FEE]) })
    expect(probe.ends).toEqual(['misbehaving'])
  })

  it('are not given twice for one transaction', () => {
    const peer = probe.inbound('9.1.1.1')
    const bad = spend(coinbaseOf(6), [0], [VALUE - FEE], false)
    for (let i = 0; i < 5; i++) probe.receive(peer, { type: 'tx', transaction: bad })
    expect(probe.peer(peer).score(probe.now.mono)).toBe(50)
  })
})
