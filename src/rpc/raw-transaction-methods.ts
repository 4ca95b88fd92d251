/** Methods about transactions in their raw form (rpc 4.1, 4.2, with Bitcoin's), and about addresses. */
import * as v from 'valibot'
import type { HeaderNode } from '../chain/header-node.ts'
import type { TxPlace } from '../chain/tx-index.ts'
import { type KnownTransaction, knownTransaction } from '../mempool/entry.ts'
import type { ChainControl } from '../node/chain-control.ts'
import type { WalletService } from '../node/wallet-service.ts'
import { bytesEqual, fromHex, hashToHex, printable, toHex } from '../primitives/bytes.ts'
import { ByteReader } from '../primitives/reader.ts'
import { ByteWriter } from '../primitives/writer.ts'
import { decodeAddress, describeAddressError } from '../script/address.ts'
import { dataCarrierScript, p2pkhScript } from '../script/templates.ts'
import { ionsOf } from '../wallet/amount.ts'
import { decodeBlockTransactions } from '../wire/block.ts'
import {
  BLOCK_TRANSACTION,
  RELAYED_TRANSACTION,
  readTransaction,
  type Transaction,
  type TransactionInput,
  type TransactionOutput,
  writeTransaction,
} from '../wire/transaction.ts'
import { confirmations } from './block-json.ts'
import { methodError } from './errors.ts'
import { chainOf, HASH, hashOf, nodeByHash } from './hash-param.ts'
import type { JsonObject, JsonValue } from './json.ts'
import { method, type RpcMethod } from './method.ts'
import { storedBlock } from './stored-block.ts'
import { transactionJson } from './transaction-json.ts'
import { TRANSACTION, transactionOf } from './transaction-param.ts'
import { AMOUNT_FORM } from './wallet-param.ts'

const VERBOSE = v.optional(
  v.union([v.picklist([0, 1, 2]), v.boolean()], 'true or false, or a number from 0 to 2'),
)
const U32_FORM = 'a whole number from 0 to 4294967295'
const U32 = v.pipe(
  v.number(U32_FORM),
  v.safeInteger(U32_FORM),
  v.minValue(0, U32_FORM),
  v.maxValue(0xffff_ffff, U32_FORM),
)
const INPUTS_FORM = 'a list of inputs such as {"txid": "...", "vout": 0}'
const { maxInputs, maxOutputs, maxScriptPubKeyBytes } = RELAYED_TRANSACTION
const INPUTS = v.pipe(
  v.array(v.object({ txid: HASH, vout: U32, sequence: v.optional(U32) }, INPUTS_FORM), INPUTS_FORM),
  v.maxLength(maxInputs, `a list of at most ${maxInputs} inputs`),
)
const OUTPUTS_FORM = 'outputs such as {"D...": 1.5} or [{"D...": 1.5}, {"data": "00ff"}]'
const AMOUNTS = v.record(v.string(), v.union([v.number(), v.string()], OUTPUTS_FORM), OUTPUTS_FORM)
const OUTPUTS = v.union([v.array(AMOUNTS, OUTPUTS_FORM), AMOUNTS], OUTPUTS_FORM)
/** With the opcode and the length in front of it, it fills a script. */
const MAX_DATA_BYTES = maxScriptPubKeyBytes - 4
/** Versions above know relative locks, which nobody expects. */
const VERSION = 1
const FINAL_SEQUENCE = 0xffff_ffff
/** Lets the lock time count. */
const LOCKABLE_SEQUENCE = 0xffff_fffe

export const rawTransactionMethods: readonly RpcMethod[] = [
  method({
    name: 'getrawtransaction',
    usage: 'getrawtransaction <txid> [verbose] [blockhash]',
    summary: 'a transaction that waits to be mined, stands in the block named, or is found by --txindex',
    params: { txid: HASH, verbose: VERBOSE, blockhash: v.optional(HASH) },
    aliases: { verbosity: 'verbose' },
    run: async ({ txid, verbose = false, blockhash }, context) => {
      const chain = chainOf(context)
      const found = await find(chain, txid, blockhash)
      return verbose === false || verbose === 0 ? toHex(found.known.bytes) : foundJson(chain, found)
    },
  }),
  method({
    name: 'decoderawtransaction',
    usage: 'decoderawtransaction <hex>',
    summary: 'what a transaction says',
    params: { hex: TRANSACTION },
    aliases: { hexstring: 'hex' },
    run: ({ hex }) => {
      const { transaction, bytes, id } = transactionOf(hex)
      return {
        ...transactionJson(transaction, id),
        size: bytes.length,
        vin_count: transaction.inputs.length,
        vout_count: transaction.outputs.length,
      }
    },
  }),
  method({
    name: 'createrawtransaction',
    usage: 'createrawtransaction <inputs> <outputs> [locktime]',
    summary: 'a transaction in hex that spends these outputs to these addresses, not signed yet',
    params: {
      inputs: INPUTS,
      outputs: OUTPUTS,
      locktime: v.optional(U32),
      replaceable: v.optional(v.unknown()),
    },
    run: ({ inputs, outputs, locktime = 0 }) => {
      const writer = new ByteWriter()
      const wanted = [outputs].flat().flatMap((one) => Object.entries(one))
      if (wanted.length > maxOutputs)
        throw methodError(
          `createrawtransaction: there are at most ${maxOutputs} outputs, not ${wanted.length}`,
        )
      const transaction: Transaction = {
        version: VERSION,
        inputs: inputs.map((input) => inputOf(input, locktime)),
        outputs: wanted.map(outputOf),
        lockTime: locktime,
      }
      writeTransaction(writer, transaction, RELAYED_TRANSACTION)
      return toHex(writer.view())
    },
  }),
  method({
    name: 'validateaddress',
    usage: 'validateaddress <address>',
    summary: 'whether a text is an address, and what it pays to',
    params: { address: v.string('a text') },
    run: ({ address }, { control }) => addressJson(address, control.wallet),
  }),
]

interface FoundTransaction {
  readonly known: KnownTransaction
  /** Undefined if it waits to be mined. */
  readonly node: HeaderNode | undefined
}

async function find(
  chain: ChainControl,
  txid: string,
  blockhash: string | undefined,
): Promise<FoundTransaction> {
  const id = hashOf(txid)
  if (blockhash !== undefined) {
    const node = nodeByHash(chain.engine, blockhash)
    const known = await inBlock(chain, node, id)
    if (known === undefined) throw methodError(`No such transaction found in the block: ${txid}`)
    return { known, node }
  }
  const entry = chain.mempool?.get(id)
  if (entry !== undefined) return { known: entry, node: undefined }
  const place = await chain.findTransaction(id)
  const known = place === undefined ? undefined : await atPlace(chain, place)
  if (place !== undefined && known !== undefined) return { known, node: place.node }
  throw methodError(`No such mempool transaction: ${txid}. ${hint(chain)}`)
}

function hint({ engine: { txIndex } }: ChainControl): string {
  if (txIndex === undefined) return 'Name the block that holds it, or run the node with --txindex'
  return txIndex.isSynced ? 'No block holds it either' : 'The index of transactions is still being made'
}

async function atPlace(
  chain: ChainControl,
  { node, start, end }: TxPlace,
): Promise<KnownTransaction | undefined> {
  const { transactionData } = await storedBlock(chain, node)
  const reader = new ByteReader(transactionData.subarray(start, end))
  const transaction = readTransaction(reader, BLOCK_TRANSACTION)
  return reader.failed ? undefined : knownTransaction(transaction)
}

async function inBlock(
  chain: ChainControl,
  node: HeaderNode,
  id: Uint8Array,
): Promise<KnownTransaction | undefined> {
  const { transactionData } = await storedBlock(chain, node)
  const decoded = decodeBlockTransactions(transactionData)
  if (!decoded.ok) return undefined
  for (const transaction of decoded.value) {
    const known = knownTransaction(transaction)
    if (bytesEqual(known.id, id)) return known
  }
  return undefined
}

function foundJson({ engine }: ChainControl, { known, node }: FoundTransaction): JsonObject {
  const { transaction, bytes, id } = known
  const shown = {
    ...transactionJson(transaction, id),
    size: bytes.length,
    vsize: bytes.length,
    hex: toHex(bytes),
  }
  if (node === undefined) return shown
  return {
    ...shown,
    in_active_chain: engine.isActive(node),
    blockhash: hashToHex(node.hash),
    blockheight: node.height,
    confirmations: Math.max(0, confirmations(engine, node)),
    time: node.time,
    blocktime: node.time,
  }
}

function inputOf(
  { txid, vout, sequence }: { txid: string; vout: number; sequence?: number | undefined },
  lockTime: number,
): TransactionInput {
  return {
    previousHash: hashOf(txid),
    previousIndex: vout,
    scriptSig: new Uint8Array(0),
    sequence: sequence ?? (lockTime === 0 ? FINAL_SEQUENCE : LOCKABLE_SEQUENCE),
  }
}

function outputOf([name, value]: readonly [string, string | number]): TransactionOutput {
  if (name === 'data') {
    const data = typeof value === 'string' ? fromHex(value) : undefined
    if (data === undefined || data.length > MAX_DATA_BYTES)
      throw methodError(`createrawtransaction: data must be hex of at most ${MAX_DATA_BYTES} bytes`)
    return { value: 0n, scriptPubKey: dataCarrierScript(data) }
  }
  const decoded = decodeAddress(name)
  if (!decoded.ok)
    throw methodError(`not an address: ${printable(name, 64)}: ${describeAddressError(decoded.error)}`)
  const ions = ionsOf(value)
  if (ions === undefined)
    throw methodError(`createrawtransaction: ${printable(String(value), 40)} is not ${AMOUNT_FORM}`)
  return { value: BigInt(ions), scriptPubKey: p2pkhScript(decoded.value) }
}

function addressJson(address: string, wallet: WalletService | undefined): JsonValue {
  const decoded = decodeAddress(address)
  if (!decoded.ok) return { isvalid: false, error: describeAddressError(decoded.error) }
  return {
    isvalid: true,
    address,
    scriptPubKey: toHex(p2pkhScript(decoded.value)),
    pubkeyhash: toHex(decoded.value),
    isscript: false,
    iswitness: false,
    ismine: wallet?.keys.own.find(decoded.value) !== undefined,
  }
}
