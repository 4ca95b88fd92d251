/** A chain of regtest full of coins, and what can be paid with them: signed for real, made once per run. */
import { cpSync, mkdirSync, mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { coinbaseOutputs } from '../src/chain/coinbase-rules.ts'
import { MAX_TRANSACTION_OUTPUTS, MIN_OUTPUT_VALUE } from '../src/chain/transaction-rules.ts'
import { generateKeyPair } from '../src/crypto/ml-dsa.ts'
import { createSignatures } from '../src/crypto/signatures.ts'
import { openChain } from '../src/node/chain-backend.ts'
import { DilithionNode } from '../src/node/node.ts'
import { regtest } from '../src/params/networks.ts'
import { hash160 } from '../src/primitives/sha3.ts'
import { p2pkhScript } from '../src/script/templates.ts'
import { signTransaction } from '../src/wallet/sign-transaction.ts'
import {
  type Transaction,
  type TransactionInput,
  type TransactionOutput,
  txidOf,
} from '../src/wire/transaction.ts'
import { type BlockWishes, type BuiltBlock, ChainBuilder } from '../testkit/chain-builder.ts'
import { scratchDir } from './processes.ts'

const CHAIN_DIR = 'chain'
const SUBSIDY = 5_000_000_000
/** Payments of one coinbase: as many as fit in a block. */
const PER_COINBASE = 700
/** What anybody may spend, OP_1; and what nobody can. Only a coinbase may have the former. */
const FREE_SCRIPT = Uint8Array.of(0x51)
const DATA_CARRIER = Uint8Array.of(0x6a)
const FEE = 100_000
/** A coinbase has some for others. */
const PER_TRANSACTION = MAX_TRANSACTION_OUTPUTS - 10

export interface PaymentWishes {
  /** Signed payments, each of one coin of its own. */
  readonly payments: number
  /** Coins that need no signature. */
  readonly freeCoins: number
  readonly signatureWorker: URL
}

export interface PaymentChain {
  readonly payments: readonly Transaction[]
  /** Spend so many coins that need no signature. */
  sweeps(inputs: number): Transaction[]
  /** Make so many coins of a few. */
  spreads(outputs: number): Transaction[]
  /** Each spends one coin that needs no signature. */
  moves(count: number): Transaction[]
  /** A block behind the chain; `fees` are those of {@link payments}. */
  block(transactions: readonly Transaction[], wishes?: BlockWishes): BuiltBlock
  feesOf(payments: number): number
  /** Puts the chain into a data directory that nothing uses yet. */
  install(dataDir: string): void
}

const secret = new Uint8Array(32).fill(7)
const scriptPubKey = p2pkhScript(hash160(generateKeyPair(secret).publicKey))

export async function makePaymentChain(wishes: PaymentWishes): Promise<PaymentChain> {
  const { payments: count, freeCoins } = wishes
  const { blocks, coins, free, large } = build(count, freeCoins)
  const dir = await store(blocks)
  const payments = await sign(coins, wishes.signatureWorker)
  const tip = blocks.at(-1)
  if (tip === undefined) throw new Error('no blocks')
  const builder = new ChainBuilder(regtest.chain)
  return {
    payments,
    sweeps: (inputs) => shares(inputs).map(({ from, to }) => freely(free.slice(from, to))),
    spreads: (outputs) =>
      shares(outputs).map(({ from, to }, i) => {
        const output = { value: BigInt(MIN_OUTPUT_VALUE), scriptPubKey }
        return split(large.slice(i, i + 1), to - from, output)
      }),
    moves: (some) => Array.from({ length: some }, (_, i) => freely(free.slice(i, i + 1))),
    block: (transactions, more = {}) => builder.next(tip, { transactions, ...more }),
    feesOf: (some) => some * FEE,
    install: (dataDir) => cpSync(join(dir, CHAIN_DIR), join(dataDir, CHAIN_DIR), { recursive: true }),
  }
}

interface Coin {
  readonly input: TransactionInput
  readonly value: number
}

interface Built {
  readonly blocks: readonly BuiltBlock[]
  readonly coins: readonly Coin[]
  /** Many small coins that need no signature, and a few that pay for as many outputs as a transaction may have. */
  readonly free: readonly TransactionInput[]
  readonly large: readonly TransactionInput[]
}

function build(payments: number, freeCoins: number): Built {
  const builder = new ChainBuilder(regtest.chain)
  const { coinbaseMaturityBlocks: maturity } = regtest.chain
  const splits = Math.ceil(payments / PER_COINBASE)
  const freeOutputs = shares(freeCoins).map(({ from, to }) => to - from)
  // The last one is of now, so that nobody thinks that he has to catch up.
  const startTime = Math.floor(Date.now() / 1_000) - maturity - splits - freeOutputs.length - 10
  const blocks: BuiltBlock[] = []
  const mine = (more: BlockWishes): void => {
    const time = startTime + blocks.length
    blocks.push(builder.next(blocks.at(-1) ?? builder.genesis, { time, ...more }))
  }
  const reward = (outputs: number): Transaction => {
    const [own, ...tax] = coinbaseOutputs(regtest.chain, blocks.length + 1, FREE_SCRIPT, 0)
    const value = (own?.value ?? 0n) / BigInt(outputs)
    const free = Array.from({ length: outputs }, () => ({ value, scriptPubKey: FREE_SCRIPT }))
    const coinbase = { ...builder.coinbase(blocks.length + 1), outputs: [...free, ...tax] }
    mine({ coinbase })
    return { ...coinbase, outputs: free }
  }
  const toSplit = Array.from({ length: splits }, () => reward(1))
  const large = inputsOf(reward(10))
  const free = freeOutputs.flatMap((outputs) => inputsOf(reward(outputs)))
  for (let i = 0; i < maturity; i++) mine({})
  const value = Math.floor(SUBSIDY / PER_COINBASE)
  const output = { value: BigInt(value), scriptPubKey }
  const made = toSplit.map((coinbase) => split(inputsOf(coinbase), PER_COINBASE, output))
  mine({ transactions: made })
  const coins = made.flatMap((from) => inputsOf(from).map((input) => ({ input, value })))
  return { blocks, coins: coins.slice(0, payments), free, large }
}

function freely(inputs: readonly TransactionInput[]): Transaction {
  return { version: 1, inputs, outputs: [{ value: 0n, scriptPubKey: DATA_CARRIER }], lockTime: 0 }
}

const ids = new Map<Transaction, Uint8Array>()

function inputOf(from: Transaction, previousIndex: number): TransactionInput {
  const previousHash = ids.get(from) ?? txidOf(from)
  ids.set(from, previousHash)
  return { previousHash, previousIndex, scriptSig: new Uint8Array(), sequence: 0xffff_ffff }
}

function inputsOf(from: Transaction): TransactionInput[] {
  return from.outputs.map((_, i) => inputOf(from, i))
}

function split(inputs: readonly TransactionInput[], count: number, output: TransactionOutput): Transaction {
  return { version: 1, inputs, outputs: Array.from({ length: count }, () => output), lockTime: 0 }
}

/** So many things in transactions, none of which has more inputs or outputs than it may have. */
function shares(count: number): { readonly from: number; readonly to: number }[] {
  const parts = Math.ceil(count / PER_TRANSACTION)
  return Array.from({ length: parts }, (_, i) => ({
    from: Math.floor((i * count) / parts),
    to: Math.floor(((i + 1) * count) / parts),
  }))
}

/** Has a node take the blocks. Returns where they are. */
async function store(blocks: readonly BuiltBlock[]): Promise<string> {
  const dir = mkdtempSync(join(scratchDir, 'payments-'))
  mkdirSync(join(dir, CHAIN_DIR))
  const backend = await openChain({ network: regtest, dir: join(dir, CHAIN_DIR) })
  const node = new DilithionNode({ network: regtest, chain: backend })
  try {
    await node.start()
    for (const { block, height } of blocks) {
      const result = await node.chain?.submitBlock(block)
      if (result?.result !== 'accepted')
        throw new Error(`block ${height} was not taken: ${JSON.stringify(result)}`)
    }
  } finally {
    await node.stop()
    await backend.close()
  }
  return dir
}

async function sign(coins: readonly Coin[], workerUrl: URL): Promise<Transaction[]> {
  const { signer, close } = createSignatures({ workerUrl })
  try {
    const outputs = (value: number) => [{ value: BigInt(value - FEE), scriptPubKey }]
    const signed = coins.map(({ input, value }) => {
      const unsigned = { version: 1, inputs: [input], outputs: outputs(value), lockTime: 0 }
      return signTransaction(unsigned, [{ secret, scriptPubKey }], regtest.chain.chainId, signer)
    })
    return await Promise.all(signed)
  } finally {
    await close()
  }
}
