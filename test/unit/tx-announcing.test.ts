/** Who is told of a transaction, when, and who is not. */
import { beforeEach, describe, expect, it } from 'vitest'
import {
  MAX_TX_IN_INV,
  STRAY_ASK_MS,
  TX_INV_INBOUND_MS,
  TX_REBROADCAST_MS,
  TX_SETTLE_MS,
} from '../../src/params/limits.ts'
import type { PeerId } from '../../src/primitives/brand.ts'
import { HeaderList } from '../../src/wire/header.ts'
import { Inventory, InvType } from '../../src/wire/inventory.ts'
import type { Message } from '../../src/wire/messages.ts'
import type { Transaction } from '../../src/wire/transaction.ts'
import { type BuiltBlock, spend } from '../../testkit/chain-builder.ts'
import {
  builder,
  FEE,
  idOf,
  invOf,
  pay,
  TRUNK,
  TransactionProbe,
  VALUE,
} from '../../testkit/transaction-probe.ts'

/** Long enough for any draw. */
const SOON_MS = 20 * TX_INV_INBOUND_MS

let probe: TransactionProbe

beforeEach(() => {
  probe = new TransactionProbe()
  // Everything that the chain holds has been there for a while.
  probe.live(TX_SETTLE_MS)
})

function getdataOf({ hash }: { readonly hash: Uint8Array }): Message {
  return { type: 'getdata', inventory: Inventory.of([{ type: InvType.block, hash }]) }
}

function nextBlock(transactions: readonly Transaction[], fees: number) {
  return builder.next(TRUNK.at(-1) ?? builder.genesis, { transactions, fees })
}

describe('a new transaction', () => {
  it('is told to all who are there, later, once', () => {
    const peers = [probe.inbound('9.1.1.1'), probe.inbound('9.2.1.1'), probe.outbound('9.3.1.1')]
    expect(probe.submit(pay(1)).verdict).toBe('accepted')
    for (const id of peers) expect(probe.told(id)).toEqual([])
    probe.live(SOON_MS)
    for (const id of peers) expect(probe.told(id)).toEqual([idOf(pay(1))])
    probe.live(SOON_MS)
    for (const id of peers) expect(probe.told(id)).toEqual([idOf(pay(1))])
  })

  it('is told to those who come later as well', () => {
    probe.submit(pay(1))
    const peer = probe.inbound('9.1.1.1')
    probe.live(SOON_MS)
    expect(probe.told(peer)).toEqual([idOf(pay(1))])
  })

  it('goes on from who brought it to everybody else', () => {
    const source = probe.inbound('9.1.1.1')
    const other = probe.inbound('9.2.1.1')
    const teller = probe.inbound('9.3.1.1')
    probe.receive(source, { type: 'tx', transaction: pay(1) })
    probe.receive(teller, invOf(pay(1)))
    probe.live(SOON_MS)
    expect(probe.told(source)).toEqual([])
    expect(probe.told(teller)).toEqual([])
    expect(probe.told(other)).toEqual([idOf(pay(1))])
    expect(probe.peer(source).lastTransactionAt).toBeDefined()
  })

  it('is not told to who does not want it, or is far behind', () => {
    const deaf = probe.inbound('9.1.1.1', { relay: false })
    const behind = probe.inbound('9.2.1.1', { startHeight: 57 })
    const near = probe.inbound('9.3.1.1', { startHeight: 58 })
    probe.submit(pay(1))
    probe.live(SOON_MS)
    expect(probe.told(deaf)).toEqual([])
    expect(probe.told(behind)).toEqual([])
    expect(probe.told(near)).toEqual([idOf(pay(1))])
  })

  it('is told to who is brought each block and so never asks for one, if he was with us before', () => {
    const [near, behind] = [60, 50].map((startHeight, i) => probe.inbound(`9.${i + 1}.1.1`, { startHeight }))
    if (near === undefined || behind === undefined) throw new Error('two peers')
    const blocks = builder.chain(TRUNK.at(-1) ?? builder.genesis, 6)
    for (const [i, block] of blocks.entries()) {
      for (const id of [near, behind]) probe.receive(id, { type: 'sendcmpct', announce: true, version: 1n })
      probe.mine(block)
      // Each asks for what he lacks: one for the news, the other for blocks of long ago.
      const asked = [block, TRUNK[50 + i] ?? block]
      if (i === 0)
        for (const [n, id] of [near, behind].entries()) probe.receive(id, getdataOf(asked[n] ?? block))
    }
    const compact = [near, behind].map((id) => probe.sentTo(id).filter(({ type }) => type === 'cmpctblock'))
    expect(compact[0]?.length).toBeGreaterThan(3)
    expect(compact[1]).toEqual([])
    probe.submit(pay(1))
    probe.live(TX_SETTLE_MS + SOON_MS)
    expect(probe.told(near)).toEqual([idOf(pay(1))])
    expect(probe.told(behind)).toEqual([])
  })

  it('is told by those that pay most first, many in one message and no more than that', () => {
    const peer = probe.inbound('9.1.1.1')
    const fees = Array.from({ length: 45 }, (_, i) => FEE + ((i * 17) % 45) * 1_000)
    for (const [i, fee] of fees.entries()) probe.submit(pay(i + 1, fee))
    probe.live(SOON_MS)
    const invs = probe.sentTo(peer).filter(({ type }) => type === 'inv')
    const sizes = invs.map((message) => (message.type === 'inv' ? message.inventory.length : 0))
    expect(sizes.every((size) => size <= MAX_TX_IN_INV)).toBe(true)
    const byFee = fees.map((fee, i) => ({ fee, id: idOf(pay(i + 1, fee)) })).sort((a, b) => b.fee - a.fee)
    expect(probe.told(peer)).toHaveLength(45)
    // All came before the first message.
    expect(probe.told(peer).slice(0, sizes[0])).toEqual(byFee.slice(0, sizes[0]).map(({ id }) => id))
  })
})

describe('a transaction that spends what is not confirmed', () => {
  it('is told to nobody before its parent is mined and everybody has had time to see that', () => {
    const parent = pay(1)
    const child = spend(parent, [0], [VALUE - 2 * FEE])
    const peer = probe.inbound('9.1.1.1')
    probe.submit(parent)
    probe.submit(child)
    probe.live(SOON_MS)
    expect(probe.told(peer)).toEqual([idOf(parent)])
    const other = probe.inbound('9.2.1.1')
    probe.clear()
    probe.mine(nextBlock([parent], FEE))
    probe.live(TX_SETTLE_MS - 1)
    for (const id of [peer, other]) expect(probe.told(id)).toEqual([])
    probe.live(SOON_MS)
    for (const id of [peer, other]) expect(probe.told(id)).toEqual([idOf(child)])
  })
})

describe('a peer on another branch', () => {
  const ours = nextBlock([pay(1)], FEE)
  const theirs = builder.next(TRUNK.at(-1) ?? builder.genesis, { salt: 5 })
  const young = spend(pay(1), [0], [VALUE - 2 * FEE])
  const has = (id: PeerId, { header }: BuiltBlock): void => {
    probe.receive(id, { type: 'headers', headers: HeaderList.of([header]) })
  }

  it('is told of what spends from below the fork, and of the rest when it has changed over', () => {
    const [peer, other] = [probe.inbound('9.1.1.1'), probe.inbound('9.2.1.1')]
    probe.mine(ours)
    has(peer, theirs)
    const next = builder.next(ours)
    probe.mine(next)
    for (const transaction of [young, pay(2)]) probe.submit(transaction)
    probe.live(TX_SETTLE_MS + SOON_MS)
    expect(probe.told(other).sort()).toEqual([young, pay(2)].map(idOf).sort())
    expect(probe.told(peer)).toEqual([idOf(pay(2))])
    has(peer, next)
    probe.live(SOON_MS)
    expect(probe.told(peer)).toEqual([pay(2), young].map(idOf))
  })

  it('is asked where it is some time after our branch has grown, once for each new tip', () => {
    const peer = probe.inbound('9.1.1.1')
    probe.mine(ours)
    has(peer, theirs)
    probe.live(2 * STRAY_ASK_MS)
    const questions = (): number => probe.commandsTo(peer).filter((type) => type === 'getheaders').length
    expect(questions()).toBe(0)
    for (const [i, block] of builder.chain(ours, 2).entries()) {
      probe.mine(block)
      probe.live(STRAY_ASK_MS - 1)
      expect(questions()).toBe(i)
      probe.live(2 * STRAY_ASK_MS)
      expect(questions()).toBe(i + 1)
      probe.receive(peer, { type: 'headers', headers: HeaderList.of([]) })
    }
  })
})

describe('a transaction that a reorganisation gives back', () => {
  it('is told when everybody has had time to follow (simulation, seed 12)', () => {
    const peer = probe.inbound('9.1.1.1')
    const tip = TRUNK.at(-1) ?? builder.genesis
    probe.mine(nextBlock([pay(1)], FEE))
    probe.live(SOON_MS)
    probe.clear()
    probe.mine(...builder.chain(tip, 2, { salt: 1 }))
    expect(probe.mempool.table.size).toBe(1)
    probe.live(TX_SETTLE_MS - 1)
    expect(probe.told(peer)).toEqual([])
    probe.live(SOON_MS)
    expect(probe.told(peer)).toEqual([idOf(pay(1))])
  })
})

describe('our own transactions', () => {
  it('are told again after a day or so while they wait, but not to who has told them to us', () => {
    const peer = probe.inbound('9.1.1.1')
    const other = probe.inbound('9.2.1.1')
    probe.receive(peer, { type: 'tx', transaction: pay(2) })
    probe.submit(pay(1))
    probe.live(SOON_MS)
    probe.receive(other, invOf(pay(1)))
    probe.clear()
    probe.live(0.49 * TX_REBROADCAST_MS)
    expect(probe.told(peer)).toEqual([])
    probe.live(1.01 * TX_REBROADCAST_MS + SOON_MS)
    expect(probe.ends).toEqual([])
    expect(new Set(probe.told(peer))).toEqual(new Set([idOf(pay(1))]))
    expect(probe.told(other)).toEqual([])
    expect(probe.ends).toEqual([])
  })

  it('are told again at once if they are handed in again', () => {
    const peer = probe.inbound('9.1.1.1')
    probe.submit(pay(1))
    probe.live(SOON_MS)
    expect(probe.submit(pay(1))).toMatchObject({ verdict: 'known', entry: { isLocal: true } })
    probe.live(SOON_MS)
    expect(probe.told(peer)).toEqual([idOf(pay(1)), idOf(pay(1))])
  })
})
