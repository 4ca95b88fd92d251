/** What a block may create, who must get a part of it, and what a miner's coinbase looks like (chain 8). */
import type { ChainParams } from '../params/chain-params.ts'
import { latin1Encode } from '../primitives/bytes.ts'
import { ByteWriter } from '../primitives/writer.ts'
import { OP } from '../script/opcodes.ts'
import { p2pkhHash, p2pkhScript } from '../script/templates.ts'
import type { Transaction, TransactionOutput } from '../wire/transaction.ts'
import { type Fault, fault } from './faults.ts'
import { hashKey } from './header-node.ts'

/** From here on nothing is left to halve. */
const MAX_HALVINGS = 64
const MAX_PUSHED_HEIGHT = 0xff_ffff

/** New coins in the block of this height, in ions. */
export function subsidy(
  { initialSubsidy, halvingIntervalBlocks }: Pick<ChainParams, 'initialSubsidy' | 'halvingIntervalBlocks'>,
  height: number,
): number {
  const halvings = Math.floor(height / halvingIntervalBlocks)
  return halvings >= MAX_HALVINGS ? 0 : Math.floor(initialSubsidy / 2 ** halvings)
}

interface TaxShare {
  readonly hash160: Uint8Array
  /** Least value of the output, in ions. */
  readonly value: number
}

/** Who must be paid by the coinbase of this height, and how much at least; empty where nobody must. */
export function taxShares(params: ChainParams, height: number): readonly TaxShare[] {
  const { coinbaseTax } = params
  if (coinbaseTax === undefined || height === 0) return []
  const { shares, percentOfSubsidy } = coinbaseTax
  const tax = percent(subsidy(params, height), percentOfSubsidy)
  const shared = shares.map(({ hash160, percentOfTax }) => ({ hash160, value: percent(tax, percentOfTax) }))
  const last = shared.pop()
  if (last === undefined) return []
  // The last one gets what division leaves.
  const value = tax - shared.reduce((sum, share) => sum + share.value, 0)
  return [...shared, { hash160: last.hash160, value }]
}

/** Rounded down. In two parts, since their product may be beyond what numbers hold exactly. */
function percent(value: number, percents: number): number {
  return Math.floor(value / 100) * percents + Math.floor(((value % 100) * percents) / 100)
}

/**
 * `fees`: of all other transactions in the block, in ions. Nothing is asked of genesis, nor of blocks that
 * checkpoints vouch for. The coinbase has passed the rules for single transactions.
 */
export function checkCoinbase(
  params: ChainParams,
  height: number,
  coinbase: Transaction,
  fees: number,
): Fault | undefined {
  if (height <= params.trustedHeight || params.body === 'opaque') return undefined
  const allowed = subsidy(params, height) + fees
  const total = coinbase.outputs.reduce((sum, output) => sum + Number(output.value), 0)
  if (total > allowed) return fault('bad-cb-amount', `${total} ions, ${allowed} allowed`)
  return checkTax(params, height, coinbase.outputs)
}

function checkTax(
  params: ChainParams,
  height: number,
  outputs: readonly TransactionOutput[],
): Fault | undefined {
  const minOutputs = params.coinbaseTax?.minOutputs ?? 0
  if (outputs.length < minOutputs) {
    return fault('bad-cb-outputs', `${outputs.length} of ${minOutputs}`)
  }
  const due = taxShares(params, height)
  const minimums = new Map(due.map(({ hash160, value }) => [hashKey(hash160), value]))
  const paid = new Set<string>()
  for (const { value, scriptPubKey } of outputs) {
    const payee = p2pkhHash(scriptPubKey)
    const key = payee === undefined ? '' : hashKey(payee)
    const minimum = minimums.get(key)
    if (minimum === undefined) continue
    // Each output to a payee must be enough, also if another one is.
    if (Number(value) < minimum) return fault('bad-cb-tax', `${value} ions, ${minimum} are due`)
    paid.add(key)
  }
  return paid.size < minimums.size ? fault('bad-cb-tax', 'an output is missing') : undefined
}

/** Outputs of a new block's coinbase: the miner's, then those that the network asks for (validation 7). */
export function coinbaseOutputs(
  params: ChainParams,
  height: number,
  minerScript: Uint8Array,
  fees: number,
): TransactionOutput[] {
  const due = taxShares(params, height)
  const tax = due.reduce((sum, { value }) => sum + value, 0)
  const outputs = [
    { value: BigInt(subsidy(params, height) - tax + fees), scriptPubKey: minerScript },
    ...due.map(({ hash160, value }) => ({ value: BigInt(value), scriptPubKey: p2pkhScript(hash160) })),
  ]
  // A network may want more of them than it pays.
  while (outputs.length < (params.coinbaseTax?.minOutputs ?? 0))
    outputs.push({ value: 0n, scriptPubKey: Uint8Array.of(OP.RETURN) })
  return outputs
}

/** What miners write into a coinbase by habit, to which a miner's identity may be added (validation 7). */
export function coinbaseScriptSig(height: number): Uint8Array {
  const writer = new ByteWriter(64)
  if (height < 17) writer.u8(0x50 + height)
  else if (height < 0x80) writer.u8(1).u8(height)
  else if (height < 0x8000) writer.u8(2).u16(height)
  else if (height <= MAX_PUSHED_HEIGHT)
    writer
      .u8(3)
      .u16(height & 0xffff)
      .u8(height >>> 16)
  else throw new RangeError(`height ${height} does not fit three bytes`)
  return writer.bytes(coinbaseText(height)).copy()
}

/** All that a coinbase of the v1.0 testnet carries (v1-testnet 3). */
export function coinbaseText(height: number): Uint8Array {
  return latin1Encode(`Block ${height} mined by Dilithion`)
}
