/** How long news take from a peer of the first of some nodes in a line to a peer of the last one: blocks, and payments. */
import { generateKeyPair } from '../../src/crypto/ml-dsa.ts'
import { createSignatures } from '../../src/crypto/signatures.ts'
import { regtest } from '../../src/params/networks.ts'
import { bytesEqual, toHex } from '../../src/primitives/bytes.ts'
import { hash160 } from '../../src/primitives/sha3.ts'
import { p2pkhScript } from '../../src/script/templates.ts'
import { signTransaction } from '../../src/wallet/sign-transaction.ts'
import type { Block } from '../../src/wire/block.ts'
import { Inventory, InvType } from '../../src/wire/inventory.ts'
import type { Message } from '../../src/wire/messages.ts'
import { type Transaction, txidOf } from '../../src/wire/transaction.ts'
import { type BenchChain, makeChain } from '../chains.ts'
import type { BenchContext, Suite } from '../context.ts'
import { BenchPeer } from '../peer.ts'
import { Server, type Subject } from '../processes.ts'
import { makeRow, type Row } from '../report.ts'
import { interleave, median } from '../stats.ts'

const HOPS = 3
const BLOCKS = 120
/** Sent one after the other in each round; the first ones make the nodes know each other's tips. */
const NEWS = 25
const WARM_UP = 5
const PAUSE_MS = 100
const PAYMENTS = 30
const PAYMENT_PAUSE_MS = 1_000
const FEE = 100_000n

const WANTS: readonly Message[] = [
  { type: 'sendheaders' },
  { type: 'sendcmpct', announce: true, version: 1n },
]

export const relaySuite: Suite = {
  name: 'relay',
  about: `a new block's way over ${HOPS} nodes in a line, and a payment's`,
  async run(context) {
    return [...(await relayOfBlocks(context)), ...(await relayOfPayments(context))]
  },
}

async function relayOfBlocks(context: BenchContext): Promise<Row[]> {
  const chain = await makeChain(BLOCKS, { news: NEWS })
  const results = await interleave(context.rounds, context.nodes, (subject) => relayMs(subject, chain))
  return context.nodes.map((node) =>
    makeRow({
      suite: 'relay',
      metric: `a block over ${HOPS} nodes, median of ${NEWS - WARM_UP}`,
      unit: 'ms',
      subject: node.name,
      values: results.get(node) ?? [],
    }),
  )
}

/** Once, whatever the rounds: each hop waits on purpose, so that nobody learns where a payment began. */
async function relayOfPayments({ nodes, signatureWorker, scale }: BenchContext): Promise<Row[]> {
  const count = Math.max(3, Math.round(PAYMENTS * scale))
  const secret = new Uint8Array(32).fill(7)
  const script = p2pkhScript(hash160(generateKeyPair(secret).publicKey))
  const chain = await makeChain(regtest.chain.coinbaseMaturityBlocks + count, { script })
  const maker = createSignatures({ threads: 1, workerUrl: signatureWorker })
  const payments: Transaction[] = []
  for (const { txid, value } of chain.rewards.slice(0, count)) {
    const input = { previousHash: txid, previousIndex: 0, scriptSig: new Uint8Array(), sequence: 0xffff_ffff }
    const output = { value: value - FEE, scriptPubKey: script }
    const payment = { version: 1, inputs: [input], outputs: [output], lockTime: 0 }
    payments.push(
      await signTransaction(payment, [{ secret, scriptPubKey: script }], regtest.chain.chainId, maker.signer),
    )
  }
  await maker.close()
  const rows: Row[] = []
  for (const node of nodes) {
    const seconds = await inLine(node, chain, (ports) => paymentSeconds(ports, chain, payments))
    const common = { suite: 'relay', subject: node.name, unit: 's' }
    rows.push(
      makeRow({ ...common, metric: `a payment over ${HOPS} nodes, median of ${count}`, values: seconds }),
      makeRow({ ...common, metric: 'the slowest of them', values: [Math.max(...seconds)] }),
    )
  }
  return rows
}

/** Runs nodes in a line that have the chain, each connected to the one before. */
async function inLine<T>(
  subject: Subject,
  chain: BenchChain,
  use: (ports: readonly number[]) => Promise<T>,
): Promise<T> {
  const servers: Server[] = []
  try {
    for (let i = 0; i < HOPS; i++) {
      const before = servers.at(-1)
      const more = before === undefined ? [] : [`--connect=127.0.0.1:${before.port}`]
      servers.push(await Server.start(subject, { prepare: chain.install, more }))
    }
    return await use(servers.map(({ port }) => port))
  } finally {
    for (const server of servers) await server.stop()
  }
}

async function paymentSeconds(
  ports: readonly number[],
  { blocks }: BenchChain,
  payments: readonly Transaction[],
): Promise<number[]> {
  const giver = await BenchPeer.join(ports[0] ?? 0, { height: blocks.length })
  const taker = await BenchPeer.join(ports.at(-1) ?? 0, { height: blocks.length })
  try {
    const known = new Map(payments.map((transaction) => [toHex(txidOf(transaction)), transaction]))
    const sentAt = new Map<string, number>()
    giver.onMessage = (message) => {
      if (message.type !== 'getdata') return
      for (const { hash } of message.inventory) {
        const transaction = known.get(toHex(hash))
        if (transaction !== undefined) giver.send({ type: 'tx', transaction })
      }
    }
    const seconds: number[] = []
    const arrived = taker.until((message) => {
      if (message.type !== 'inv') return false
      for (const { hash } of message.inventory) {
        const at = sentAt.get(toHex(hash))
        if (at !== undefined) seconds.push((performance.now() - at) / 1_000)
      }
      return seconds.length === payments.length
    })
    for (const [id, transaction] of known) {
      sentAt.set(id, performance.now())
      giver.send({
        type: 'inv',
        inventory: Inventory.of([{ type: InvType.transaction, hash: txidOf(transaction) }]),
      })
      await pause(PAYMENT_PAUSE_MS)
    }
    await arrived
    return seconds
  } finally {
    giver.close()
    taker.close()
  }
}

function relayMs(subject: Subject, chain: BenchChain): Promise<number> {
  return inLine(subject, chain, async (ports) => {
    const giver = await BenchPeer.join(ports[0] ?? 0)
    const taker = await BenchPeer.join(ports.at(-1) ?? 0, { wants: WANTS })
    try {
      await pause(1_000)
      const times: number[] = []
      for (const block of chain.news) {
        times.push(await journeyMs(giver, taker, block))
        await pause(PAUSE_MS)
      }
      return median(times.slice(WARM_UP))
    } finally {
      giver.close()
      taker.close()
    }
  })
}

async function journeyMs(giver: BenchPeer, taker: BenchPeer, block: Block): Promise<number> {
  const arrived = taker.until((message) => announces(message, block))
  const startedAt = performance.now()
  giver.send({ type: 'block', block })
  await arrived
  return performance.now() - startedAt
}

function announces(message: Message, { header }: Block): boolean {
  if (message.type === 'cmpctblock') return bytesEqual(message.header.bytes, header.bytes)
  return message.type === 'inv' || (message.type === 'headers' && message.headers.length === 1)
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
