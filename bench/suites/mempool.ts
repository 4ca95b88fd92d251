/**
 * Transactions in this process, on a disk in memory: how fast they are taken in, beside the hash and the decoding that
 * each needs; how long a template takes; and what a block costs whose transactions are known, beside one of strangers.
 */
import { ChainEngine } from '../../src/chain/engine.ts'
import type { IoResult } from '../../src/chain/io.ts'
import { generateKeyPair } from '../../src/crypto/ml-dsa.ts'
import { createSignatures, type Signatures } from '../../src/crypto/signatures.ts'
import { type KnownTransaction, knownTransaction } from '../../src/mempool/entry.ts'
import { Mempool } from '../../src/mempool/mempool.ts'
import { blockTemplate } from '../../src/mining/template.ts'
import type { ChainParams } from '../../src/params/chain-params.ts'
import { regtest } from '../../src/params/networks.ts'
import { monoMs, peerId, unixSeconds } from '../../src/primitives/brand.ts'
import { hash160 } from '../../src/primitives/sha3.ts'
import type { SignatureCheck } from '../../src/script/signature-check.ts'
import { p2pkhScript } from '../../src/script/templates.ts'
import { signTransaction } from '../../src/wallet/sign-transaction.ts'
import { type Transaction, txidOf } from '../../src/wire/transaction.ts'
import { BenchDisk } from '../../testkit/chain-bench.ts'
import { type BuiltBlock, ChainBuilder, spend } from '../../testkit/chain-builder.ts'
import type { BenchContext, Suite } from '../context.ts'
import { makeRow, type Row } from '../report.ts'

const params: ChainParams = { ...regtest.chain, coinbaseMaturityBlocks: 1 }
const builder = new ChainBuilder(params)
const source = peerId(1)
const WAITING = 10_000
/** As many as fit in a block. */
const BLOCK_TRANSACTIONS = 700
const FEE = 100_000
const NOW = { mono: monoMs(0), unix: unixSeconds(1_800_000_000) }

export const mempoolSuite: Suite = {
  name: 'mempool',
  about:
    'transactions taken in, templates made of them, and blocks of known and unknown ones, in this process',
  async run(context) {
    // The threads alone do not keep the process.
    const alive = setInterval(() => undefined, 1_000)
    try {
      return [...admission(context), ...(await blocks(context))]
    } finally {
      clearInterval(alive)
    }
  },
}

type Verify = (checks: readonly SignatureCheck[]) => boolean[] | Promise<boolean[]>

/** An engine with a mempool beside it; whatever is asked is answered at once, but signatures as told. */
class Desk {
  readonly engine: ChainEngine
  readonly pool: Mempool
  verify: Verify = (checks) => checks.map(() => true)
  readonly #disk = new BenchDisk()

  constructor() {
    this.engine = new ChainEngine(
      { params },
      {
        ask: (request, done) => {
          if (request.kind !== 'verify') return done(this.#disk.perform(request))
          const answer = this.verify(request.checks)
          const give = (value: boolean[]): void => done({ ok: true, value } satisfies IoResult)
          if (answer instanceof Promise) void answer.then(give)
          else give(answer)
        },
        now: () => NOW,
        outcome: () => undefined,
        blockConnected: (node, body) => this.pool.blockConnected(node, body),
      },
    )
    this.pool = new Mempool(this.engine, { now: () => NOW, outcome: () => undefined })
  }

  take(blocks: readonly BuiltBlock[]): void {
    for (const { block, stored } of blocks) this.engine.submitBlock('local', block, stored)
  }

  /** Resolves when the block is the tip. */
  async connect({ block, stored, height }: BuiltBlock): Promise<void> {
    this.engine.submitBlock('local', block, stored)
    while (this.engine.tip.height < height) await new Promise((resolve) => setImmediate(resolve))
  }

  async submit(transactions: readonly KnownTransaction[]): Promise<void> {
    await Promise.all(
      transactions.map((known) => new Promise((resolve) => this.pool.submit('local', known, resolve))),
    )
  }
}

/** Blocks that make so many outputs to a script each, and a payment of each of them. */
function coins(count: number, script?: Uint8Array): { blocks: BuiltBlock[]; payments: Transaction[] } {
  const first = builder.next(builder.genesis)
  const [coinbase] = first.transactions
  if (coinbase === undefined) throw new Error('no coinbase')
  const value = Math.floor(5_000_000_000 / count) - 1
  const values = Array.from({ length: count }, () => value)
  const split = spend(coinbase, [0], values)
  const outputs = split.outputs.map((output) => ({ ...output, scriptPubKey: script ?? output.scriptPubKey }))
  const made = { ...split, outputs }
  const second = builder.next(first, { transactions: [made], fees: 5_000_000_000 - count * value })
  const previousHash = txidOf(made)
  const payments = outputs.map((_, i): Transaction => {
    if (script === undefined) return spend(made, [i], [value - FEE - i])
    const input = { previousHash, previousIndex: i, scriptSig: new Uint8Array(), sequence: 0xffff_ffff }
    const output = { value: BigInt(value - FEE), scriptPubKey: script }
    return { version: 1, inputs: [input], outputs: [output], lockTime: 0 }
  })
  return { blocks: [first, second], payments }
}

function admission({ rounds, scale }: BenchContext): Row[] {
  const count = Math.max(100, Math.round(WAITING * scale))
  const { blocks: chain, payments } = coins(count)
  const perSecond: number[] = []
  const bare: number[] = []
  const selections: number[] = []
  const templates: number[] = []
  for (let round = 0; round < rounds; round++) {
    const desk = new Desk()
    desk.take(chain)
    const taken = msOf(() => {
      for (const payment of payments) desk.pool.submit(source, knownTransaction(payment))
    })
    if (desk.pool.table.size !== count) throw new Error('transactions were refused')
    perSecond.push((1_000 * count) / taken)
    bare.push((1_000 * count) / msOf(() => void payments.map(knownTransaction)))
    const limits = { maxBytes: 4_000_000, maxTransactions: 10_000, height: 3, time: NOW.unix }
    selections.push(msOf(() => void desk.pool.selectForBlock(limits)))
    templates.push(
      msOf(() => {
        const { entries: transactions, fees } = desk.pool.selectForBlock(limits)
        const script = p2pkhScript(new Uint8Array(20))
        blockTemplate({ params, parent: desk.engine.tip, time: NOW.unix, script, transactions, fees })
      }),
    )
  }
  const goal = { text: '<= 100', met: (value: number) => value <= 100 }
  return [
    row('admissions, signatures apart', 'per s', perSecond, { name: 'hash and decode', values: bare }),
    row(`choice among ${count}`, 'ms', selections),
    row('template of the best of them', 'ms', templates, undefined, goal),
  ]
}

async function blocks({ rounds, scale, signatureWorker }: BenchContext): Promise<Row[]> {
  const count = Math.max(20, Math.round(BLOCK_TRANSACTIONS * scale))
  const secret = new Uint8Array(32).fill(7)
  const scriptPubKey = p2pkhScript(hash160(generateKeyPair(secret).publicKey))
  const { blocks: chain, payments } = coins(count, scriptPubKey)
  const maker = createSignatures({ threads: 2, workerUrl: signatureWorker })
  const signed: Transaction[] = []
  for (const payment of payments)
    signed.push(await signTransaction(payment, [{ secret, scriptPubKey }], params.chainId, maker.signer))
  await maker.close()
  const parent = chain.at(-1)
  if (parent === undefined) throw new Error('no blocks')
  const full = builder.next(parent, { transactions: signed, fees: count * FEE })
  const known = signed.map(knownTransaction)
  const cold: number[] = []
  const warm: number[] = []
  const ways = [
    { waiting: [], values: cold },
    { waiting: known, values: warm },
  ] as const
  for (let round = 0; round < rounds; round++) {
    for (const { waiting, values } of ways) {
      const crew = createSignatures({ threads: 2, workerUrl: signatureWorker })
      values.push(await timeOfBlock(crew, chain, full, waiting))
      await crew.close()
    }
  }
  const goal = { text: 'at most a tenth', met: (_: number, ratio: number) => ratio <= 0.1 }
  return [
    row(`block of ${count} unknown transactions`, 'ms', cold),
    row(`block of ${count} that waited`, 'ms', warm, { name: 'unknown', values: cold }, goal),
  ]
}

/** Milliseconds until the block is the tip. */
async function timeOfBlock(
  { verifier }: Signatures,
  chain: readonly BuiltBlock[],
  full: BuiltBlock,
  waiting: readonly KnownTransaction[],
): Promise<number> {
  const desk = new Desk()
  desk.take(chain)
  desk.verify = (checks) => verifier.verifyBatch(checks)
  await desk.submit(waiting)
  if (desk.pool.table.size !== waiting.length) throw new Error('transactions were refused')
  const startedAt = performance.now()
  await desk.connect(full)
  return performance.now() - startedAt
}

function msOf(work: () => void): number {
  const startedAt = performance.now()
  work()
  return performance.now() - startedAt
}

function row(
  metric: string,
  unit: string,
  values: readonly number[],
  bare?: { readonly name: string; readonly values: readonly number[] },
  goal?: { readonly text: string; readonly met: (value: number, ratio: number) => boolean },
): Row {
  return makeRow({ suite: 'mempool', metric, unit, subject: '', values, bare, goal })
}
