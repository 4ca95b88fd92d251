/** Who is given which transaction. */
import { beforeEach, describe, expect, it } from 'vitest'
import {
  MEMPOOL_ANSWER_INTERVAL_MS,
  SEND_QUEUE_HIGH_BYTES,
  TX_INV_INBOUND_MS,
  TX_PUBLIC_AFTER_MS,
  TX_SETTLE_MS,
} from '../../src/params/limits.ts'
import { Inventory, InvType } from '../../src/wire/inventory.ts'
import type { Message } from '../../src/wire/messages.ts'
import type { Transaction } from '../../src/wire/transaction.ts'
import { spend } from '../../testkit/chain-builder.ts'
import {
  builder,
  FEE,
  idOf,
  inventoryOf,
  pay,
  TRUNK,
  TransactionProbe,
  VALUE,
} from '../../testkit/transaction-probe.ts'

const SOON_MS = 20 * TX_INV_INBOUND_MS
const getdata = (...transactions: readonly Transaction[]): Message => ({
  type: 'getdata',
  inventory: inventoryOf(...transactions),
})

let probe: TransactionProbe

beforeEach(() => {
  probe = new TransactionProbe()
  probe.live(TX_SETTLE_MS)
})

describe('getdata', () => {
  it('is answered with what the peer was told of, as often as it asks', () => {
    const peer = probe.inbound('9.1.1.1')
    probe.submit(pay(1))
    probe.live(SOON_MS)
    probe.receive(peer, getdata(pay(1)))
    probe.receive(peer, getdata(pay(1)))
    expect(probe.given(peer)).toEqual([idOf(pay(1)), idOf(pay(1))])
  })

  it('shows nothing that was told to nobody, or lately to others', () => {
    probe.submit(pay(1))
    const told = probe.inbound('9.1.1.1')
    const deaf = probe.inbound('9.2.1.1', { relay: false })
    probe.receive(deaf, getdata(pay(1), pay(2)))
    probe.live(SOON_MS)
    expect(probe.told(told)).toHaveLength(1)
    probe.receive(deaf, getdata(pay(1)))
    expect(probe.given(deaf)).toEqual([])
    probe.live(TX_PUBLIC_AFTER_MS)
    probe.receive(deaf, getdata(pay(1)))
    expect(probe.given(deaf)).toEqual([idOf(pay(1))])
  })

  it('is not answered with what was mined, nor with what waits for a parent', () => {
    const peer = probe.inbound('9.1.1.1')
    const child = spend(pay(1), [0], [VALUE - 2 * FEE])
    probe.submit(pay(1))
    probe.submit(child)
    probe.live(SOON_MS + TX_PUBLIC_AFTER_MS)
    probe.receive(peer, getdata(child))
    probe.mine(builder.next(TRUNK.at(-1) ?? builder.genesis, { transactions: [pay(1)], fees: FEE }))
    probe.receive(peer, getdata(pay(1)))
    expect(probe.given(peer)).toEqual([])
  })

  it('of more than there is room for is answered as the peer reads', () => {
    const peer = probe.inbound('9.1.1.1')
    const all = Array.from({ length: 57 }, (_, i) => pay(i + 1))
    for (const transaction of all) probe.submit(transaction)
    probe.live(2 * SOON_MS)
    probe.clear()
    expect(57 * 5_350).toBeLessThan(SEND_QUEUE_HIGH_BYTES)
    probe.receive(peer, getdata(...all))
    expect(probe.given(peer).length).toBeLessThan(57)
    probe.flush(peer)
    expect(probe.given(peer)).toEqual(all.map(idOf))
  })
})

describe('mempool', () => {
  it('is answered with what may be told, once in a minute', () => {
    const peer = probe.inbound('9.1.1.1')
    const other = probe.inbound('9.2.1.1', { relay: false })
    const child = spend(pay(1), [0], [VALUE - 2 * FEE])
    for (const transaction of [pay(1), pay(2), child]) probe.submit(transaction)
    probe.live(SOON_MS)
    probe.clear()
    probe.submit(pay(3))
    probe.receive(peer, { type: 'mempool' }, { type: 'mempool' })
    probe.receive(other, { type: 'mempool' })
    expect(new Set(probe.told(peer))).toEqual(new Set([idOf(pay(1)), idOf(pay(2))]))
    expect(probe.told(peer)).toHaveLength(2)
    expect(probe.told(other)).toEqual([])
    probe.live(MEMPOOL_ANSWER_INTERVAL_MS)
    probe.clear()
    probe.receive(peer, { type: 'mempool' })
    expect(probe.told(peer)).toHaveLength(3)
  })

  it('is answered to who asked for our last block long enough ago, though it came with fewer', () => {
    const peer = probe.inbound('9.1.1.1')
    probe.submit(pay(1))
    probe.live(SOON_MS)
    const late = probe.inbound('9.2.1.1', { startHeight: 58 })
    const tip = TRUNK.at(-1) ?? builder.genesis
    const inventory = Inventory.of([{ type: InvType.block, hash: tip.hash }])
    probe.receive(late, { type: 'getdata', inventory })
    probe.clear()
    probe.live(TX_SETTLE_MS)
    probe.clear()
    probe.receive(late, { type: 'mempool' })
    expect(probe.told(late)).toEqual([idOf(pay(1))])
    expect(probe.told(peer)).toEqual([])
  })
})
