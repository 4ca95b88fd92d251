/** What a node is put through while somebody pings it: transactions and blocks that are much work, from peers. */
import { setTimeout as pause } from 'node:timers/promises'
import { hashKey } from '../src/chain/header-node.ts'
import { toHex } from '../src/primitives/bytes.ts'
import { Inventory, InvType } from '../src/wire/inventory.ts'
import { type Transaction, txidOf } from '../src/wire/transaction.ts'
import type { BuiltBlock } from '../testkit/chain-builder.ts'
import { compactOf } from '../testkit/relay-blocks.ts'
import { frameOf } from './frames.ts'
import type { PaymentChain } from './payments.ts'
import { BenchPeer } from './peer.ts'
import type { Server } from './processes.ts'

export interface Trial {
  readonly name: string
  /** Signatures that it makes the node verify, if that is known. */
  readonly checks?: number
  /** Before anything is measured. */
  prepare?(server: Server): Promise<void>
  /** Resolves when the node is through, with the milliseconds that it took. */
  run(server: Server): Promise<number>
}

const BLOCK_PAYMENTS = 700
const ATTACKERS = 8
const ATTACK_MS = 5_000
/** Transactions of one connection, before the node has told what it thinks of them. */
const BURST = 100
const IDS_PER_INV = 1_000
const LOOK_MS = 100
const DEADLINE_MS = 120_000

export function transactionTrials({ payments }: PaymentChain, scaled: (count: number) => number): Trial[] {
  const [first] = payments
  if (first === undefined) throw new Error('no payments')
  const attackMs = scaled(ATTACK_MS)
  return [
    { name: 'nothing', run: () => waited(attackMs) },
    {
      name: 'payments of one peer',
      checks: payments.length,
      run: (server) => offer(server, payments),
    },
    {
      name: `wrong signatures of ${ATTACKERS} peers`,
      run: (server) => attack(server, attackMs, () => spoiled(first, 'signature')),
    },
    {
      name: `orphans of ${ATTACKERS} peers`,
      run: (server) => attack(server, attackMs, () => spoiled(first, 'parent')),
    },
  ]
}

export function blockTrials(chain: PaymentChain, scaled: (count: number) => number): Trial[] {
  const count = Math.min(scaled(BLOCK_PAYMENTS), chain.payments.length)
  const payments = chain.payments.slice(0, count)
  const full = chain.block(payments, { fees: chain.feesOf(count) })
  const waiting = (server: Server): Promise<void> => offer(server, payments).then(() => undefined)
  const outputs = scaled(99_000)
  const inputs = scaled(90_000)
  const small = scaled(60_000)
  const { header, nonce, shortIds, prefilled } = compactOf(full.block, 1n)
  const compact = frameOf({ type: 'cmpctblock', header, nonce, shortIds, prefilled })
  return [
    { name: `block of ${count} unknown payments`, checks: count, run: (server) => give(server, full) },
    { name: `block of ${count} payments that waited`, prepare: waiting, run: (server) => give(server, full) },
    {
      name: `compact block of ${count} payments that waited`,
      prepare: waiting,
      run: (server) => give(server, full, compact),
    },
    {
      name: `block of ${outputs} outputs`,
      run: (server) => give(server, chain.block(chain.spreads(outputs))),
    },
    { name: `block of ${inputs} inputs`, run: (server) => give(server, chain.block(chain.sweeps(inputs))) },
    {
      name: `block of ${small} transactions`,
      run: (server) => give(server, chain.block(chain.moves(small))),
    },
  ]
}

async function waited(ms: number): Promise<number> {
  await pause(ms)
  return ms
}

/** Announces transactions and gives them when asked, until all of them wait to be mined. From the first question on. */
async function offer(server: Server, payments: readonly Transaction[]): Promise<number> {
  const frames = new Map<string, Uint8Array>()
  const hashes = payments.map(txidOf)
  for (const [i, transaction] of payments.entries())
    frames.set(hashKey(hashes[i] ?? new Uint8Array()), frameOf({ type: 'tx', transaction }))
  const peer = await BenchPeer.join(server.port)
  let startedAt: number | undefined
  peer.onMessage = (message) => {
    if (message.type !== 'getdata') return
    startedAt ??= performance.now()
    for (const { hash } of message.inventory) {
      const frame = frames.get(hashKey(hash))
      if (frame !== undefined) peer.sendFrame(frame)
    }
  }
  for (let at = 0; at < hashes.length; at += IDS_PER_INV) {
    const some = hashes.slice(at, at + IDS_PER_INV)
    const inventory = Inventory.of(some.map((hash) => ({ type: InvType.transaction, hash })))
    peer.send({ type: 'inv', inventory })
  }
  await until(async () => {
    const { size } = (await server.rpc('getmempoolinfo')) as { size: number }
    return size >= payments.length
  })
  peer.close()
  return performance.now() - (startedAt ?? performance.now())
}

/** So many peers send a burst each, and come again from elsewhere when it has been dealt with. */
async function attack(server: Server, ms: number, make: () => Transaction): Promise<number> {
  const startedAt = performance.now()
  let peers = 0
  const isOver = (): boolean => performance.now() - startedAt > ms
  const one = async (): Promise<void> => {
    while (!isOver()) {
      const number = ++peers
      const address = `127.${1 + (number >> 14)}.${1 + ((number >> 7) & 127)}.${1 + (number & 127)}`
      const peer = await BenchPeer.join(server.port, { from: address }).catch(() => undefined)
      if (peer === undefined) continue
      const frames = Array.from({ length: BURST }, () => frameOf({ type: 'tx', transaction: make() }))
      for (const frame of frames) peer.sendFrame(frame)
      const nonce = BigInt(number)
      const pong = peer.until((message) => message.type === 'pong' && message.nonce === nonce)
      peer.send({ type: 'ping', nonce })
      await Promise.race([pong, peer.ended])
      peer.close()
    }
  }
  await Promise.all(Array.from({ length: ATTACKERS }, one))
  return performance.now() - startedAt
}

let spoilt = 0

/** Another one each time. */
function spoiled(transaction: Transaction, what: 'signature' | 'parent'): Transaction {
  const inputs = transaction.inputs.map((input) => {
    const part = what === 'signature' ? 'scriptSig' : 'previousHash'
    const bytes = input[part].slice()
    new DataView(bytes.buffer).setUint32(8, ++spoilt)
    return { ...input, [part]: bytes }
  })
  return { ...transaction, inputs }
}

/** Gives a block, as a whole unless another message is named, until it is the tip. */
async function give(
  server: Server,
  { block, height, hash }: BuiltBlock,
  frame?: Uint8Array,
): Promise<number> {
  const peer = await BenchPeer.join(server.port)
  const bytes = frame ?? frameOf({ type: 'block', block })
  const startedAt = performance.now()
  peer.sendFrame(bytes)
  await server.rpc('waitforblockheight', height, DEADLINE_MS)
  const ms = performance.now() - startedAt
  const tip = (await server.rpc('getbestblockhash')) as string
  peer.close()
  if (tip !== toHex(hash.toReversed())) throw new Error('the block was not taken')
  return ms
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (const deadline = performance.now() + DEADLINE_MS; !(await isSo()); await pause(LOOK_MS))
    if (performance.now() > deadline) throw new Error('the node is not through in time')
}
