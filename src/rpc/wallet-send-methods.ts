/** Methods that spend (rpc 4.3). */
import * as v from 'valibot'
import { knownTransaction } from '../mempool/entry.ts'
import { hashToHex, toHex } from '../primitives/bytes.ts'
import { encodeAddress } from '../script/address.ts'
import { dilOf } from '../wallet/amount.ts'
import { MAX_PAYMENT_INPUTS } from '../wallet/transaction-size.ts'
import { method, type RpcMethod } from './method.ts'
import { TRANSACTION, transactionOf } from './transaction-param.ts'
import { ADDRESS, AMOUNT, hashOfAddress, walletOf } from './wallet-param.ts'

const FLAG = v.boolean('true or false')
const INPUTS_FORM = `a number of coins from 2 to ${MAX_PAYMENT_INPUTS}`
const MAX_INPUTS = v.pipe(
  v.number(INPUTS_FORM),
  v.safeInteger(INPUTS_FORM),
  v.minValue(2, INPUTS_FORM),
  v.maxValue(MAX_PAYMENT_INPUTS, INPUTS_FORM),
)

export const walletSendMethods: readonly RpcMethod[] = [
  method({
    name: 'sendtoaddress',
    usage: 'sendtoaddress <address> <amount> [from_address] [subtractfeefromamount]',
    summary: 'pay an amount in DIL to an address, from all coins or those of one address of this wallet',
    params: {
      address: ADDRESS,
      amount: AMOUNT,
      from_address: v.optional(v.union([ADDRESS, v.literal('')])),
      subtractfeefromamount: v.optional(FLAG),
    },
    aliases: { subtractfee: 'subtractfeefromamount' },
    run: async ({ address, amount, from_address, subtractfeefromamount: subtractFee = false }, context) => {
      const to = hashOfAddress(address)
      const from =
        from_address === undefined || from_address === ''
          ? undefined
          : hashOfAddress(from_address, 'from_address')
      const payments = await walletOf(context).payments()
      const { id } = await payments.send({ to, amount, subtractFee, from })
      return { txid: hashToHex(id) }
    },
  }),
  method({
    name: 'estimatesendfee',
    usage: 'estimatesendfee <address> <amount>',
    summary: 'what paying an amount to an address would cost',
    params: { address: ADDRESS, amount: AMOUNT },
    run: async ({ address, amount }, context) => {
      const wallet = walletOf(context)
      const payments = await wallet.payments()
      const { paid, fee } = await payments.plan({ to: hashOfAddress(address), amount })
      const { confirmed } = await wallet.balance()
      return {
        address,
        amount: dilOf(paid),
        fee: dilOf(fee),
        total: dilOf(paid + fee),
        balance: dilOf(confirmed),
      }
    },
  }),
  method({
    name: 'consolidateutxos',
    usage: 'consolidateutxos [max_inputs] [address]',
    summary: 'make one coin of many small ones, at an address of this wallet (a new one if not told)',
    params: { max_inputs: v.optional(MAX_INPUTS), address: v.optional(ADDRESS) },
    run: async ({ max_inputs, address }, context) => {
      const to = address === undefined ? undefined : hashOfAddress(address)
      const payments = await walletOf(context).payments()
      const done = await payments.consolidate(max_inputs, to)
      return {
        txid: hashToHex(done.txid),
        inputs_consolidated: done.inputs,
        inputs_left_out: done.leftOut,
        total_utxos_before: done.before,
        total_utxos_after: done.after,
        amount: dilOf(done.amount),
        fee: dilOf(done.fee),
        destination: encodeAddress(done.destination),
        tx_size: done.bytes,
      }
    },
  }),
  method({
    name: 'signrawtransaction',
    usage: 'signrawtransaction <hex>',
    summary: 'sign the inputs of a transaction that spend coins of this wallet',
    params: { hex: TRANSACTION },
    aliases: { hexstring: 'hex' },
    run: async ({ hex }, context) => {
      const payments = await walletOf(context).payments()
      const { transaction, isComplete } = await payments.sign(transactionOf(hex).transaction)
      return { hex: toHex(knownTransaction(transaction).bytes), complete: isComplete }
    },
  }),
]
