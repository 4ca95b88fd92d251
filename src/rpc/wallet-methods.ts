/** Methods about a wallet's balance, coins and past (rpc 4.3). */
import * as v from 'valibot'
import { hashKey } from '../chain/header-node.ts'
import type { WalletService } from '../node/wallet-service.ts'
import { hashToHex } from '../primitives/bytes.ts'
import { dilOf } from '../wallet/amount.ts'
import { confirmationsOf } from '../wallet/balance.ts'
import { methodError } from './errors.ts'
import { chainOf, HASH, HEIGHT, hashOf, nodeByHeight } from './hash-param.ts'
import type { JsonObject } from './json.ts'
import { method, type RpcContext, type RpcMethod } from './method.ts'
import { transactionJson } from './transaction-json.ts'
import { movementRows, summaryJson, unspentJson } from './wallet-json.ts'
import { ADDRESS, hashOfAddress, walletOf } from './wallet-param.ts'

const DEFAULT_ROWS = 50
const MAX_ROWS = 1_000
const COUNT_FORM = `a number from 1 to ${MAX_ROWS}`
const COUNT = v.pipe(
  v.number(COUNT_FORM),
  v.safeInteger(COUNT_FORM),
  v.minValue(1, COUNT_FORM),
  v.maxValue(MAX_ROWS, COUNT_FORM),
)
const SKIP_FORM = 'a number of transactions to leave out'
const CONFIRMATIONS_FORM = 'a number of confirmations'
const CONFIRMATIONS = v.pipe(
  v.number(CONFIRMATIONS_FORM),
  v.safeInteger(CONFIRMATIONS_FORM),
  v.minValue(0, CONFIRMATIONS_FORM),
)

export const walletMethods: readonly RpcMethod[] = [
  method({
    name: 'getbalance',
    usage: 'getbalance',
    summary: 'what the wallet has: to be spent now, not confirmed yet, and mined too recently',
    params: {},
    run: async (_, context) => {
      const wallet = walletOf(context)
      const { confirmed, unconfirmed, immature } = await wallet.balance()
      return {
        balance: dilOf(confirmed),
        unconfirmed_balance: dilOf(unconfirmed),
        immature_balance: dilOf(immature),
        ...(await health(wallet, context)),
      }
    },
  }),
  method({
    name: 'getwalletinfo',
    usage: 'getwalletinfo',
    summary: 'the state of the wallet: encrypted or not, locked or not, how far it has read the chain',
    params: {},
    run: async (_, context) => await walletInfo(context),
  }),
  method({
    name: 'listunspent',
    usage: 'listunspent [minconf] [maxconf] [addresses]',
    summary: 'outputs that can be spent, with so many confirmations (1 or more if not told)',
    params: {
      minconf: v.optional(CONFIRMATIONS),
      maxconf: v.optional(CONFIRMATIONS),
      addresses: v.optional(v.array(ADDRESS, 'a list of addresses')),
    },
    run: async ({ minconf = 1, maxconf = Number.MAX_SAFE_INTEGER, addresses }, context) => {
      // As in Bitcoin, an empty list leaves none out.
      const wanted = addresses === undefined || addresses.length === 0 ? undefined : new Set(addresses)
      for (const address of wanted ?? []) hashOfAddress(address)
      const wallet = walletOf(context)
      const coins = (await wallet.unspent()).filter(
        ({ coin, confirmations, isMature }) =>
          isMature && confirmations >= minconf && confirmations <= maxconf && !wallet.locks.has(coin),
      )
      const rows = coins.map(unspentJson)
      return wanted === undefined ? rows : rows.filter(({ address }) => wanted.has(String(address)))
    },
  }),
  method({
    name: 'listtransactions',
    usage: 'listtransactions [count] [skip]',
    summary: 'the latest payments from and to the wallet (50 if not told), the latest last',
    params: {
      count: v.optional(COUNT),
      skip: v.optional(v.pipe(v.number(SKIP_FORM), v.safeInteger(SKIP_FORM), v.minValue(0, SKIP_FORM))),
    },
    run: async ({ count = DEFAULT_ROWS, skip = 0 }, context) => {
      const wallet = walletOf(context)
      const around = wallet.surroundings()
      const rows: JsonObject[] = []
      // From the latest back, as far as is asked for.
      for (const entry of (await wallet.transactions()).reverse()) {
        if (rows.length >= count + skip) break
        rows.push(...movementRows(entry, around, (hash) => wallet.isChange(hash)).reverse())
      }
      return { transactions: rows.slice(skip, skip + count).reverse() }
    },
  }),
  method({
    name: 'gettransaction',
    usage: 'gettransaction <txid>',
    summary: 'a transaction of the wallet: what it says, where it is in the chain, and what it means here',
    params: { txid: HASH },
    run: async ({ txid }, context) => await transaction(txid, context),
  }),
  method({
    name: 'rescanwallet',
    usage: 'rescanwallet [start_height]',
    summary: "look through the whole chain for the wallet's payments again, and answer when that is done",
    params: { start_height: v.optional(HEIGHT) },
    run: async ({ start_height = 0 }, context) => {
      const wallet = walletOf(context)
      const { engine } = chainOf(context)
      const { pruneHeight } = engine.maintenance
      if (nodeByHeight(engine, start_height).height < pruneHeight)
        throw methodError(
          `blocks below ${pruneHeight} have been deleted (--prune), so payments in them can not be looked for. rescanwallet ${pruneHeight} reads those that are here`,
        )
      await wallet.rescan(start_height)
      const { confirmed, immature } = await wallet.balance()
      return {
        success: true,
        addresses_scanned: wallet.keys.own.size,
        balance: dilOf(confirmed),
        immature_balance: dilOf(immature),
        ...(await health(wallet, context)),
      }
    },
  }),
]

/** Whether the figures can be relied on. */
async function health(wallet: WalletService, context: RpcContext): Promise<JsonObject> {
  const warning = await warningOf(wallet, context)
  return {
    chain_health: warning === '' ? 'ok' : 'incomplete',
    ...(warning === '' ? {} : { chain_warning: warning }),
  }
}

/** What the figures lack; empty if nothing. */
async function warningOf(wallet: WalletService, context: RpcContext): Promise<string> {
  const { engine } = chainOf(context)
  const progress = await wallet.progress()
  if (progress?.obstacle !== undefined) return progress.obstacle
  if (progress?.isScanning === true)
    return `the wallet has read the chain up to block ${progress.height} of ${engine.tip.height}`
  if (engine.isInitialDownload)
    return 'the chain is not downloaded to its end yet, so later payments are not known'
  if ((progress?.missedBelow ?? 0) > 0)
    return `payments below block ${progress?.missedBelow} are not known: those blocks have been deleted`
  return ''
}

async function walletInfo(context: RpcContext): Promise<JsonObject> {
  const wallet = walletOf(context)
  const { keys } = wallet
  const { confirmed, unconfirmed, immature } = await wallet.balance()
  const progress = await wallet.progress()
  const { tip } = chainOf(context).engine
  return {
    encrypted: keys.isEncrypted,
    locked: keys.isLocked,
    unlocked_until: keys.unlockedUntilMs === undefined ? 0 : Math.floor(keys.unlockedUntilMs / 1_000),
    exists: keys.exists,
    hdwallet: keys.exists,
    balance: dilOf(confirmed),
    unconfirmed_balance: dilOf(unconfirmed),
    immature_balance: dilOf(immature),
    txcount: (await wallet.transactions()).length,
    scanned_height: progress?.height ?? tip.height,
    scanning: progress?.isScanning === true ? { progress: progress.height / Math.max(1, tip.height) } : false,
    warnings: await warningOf(wallet, context),
  }
}

async function transaction(text: string, context: RpcContext): Promise<JsonObject> {
  const wallet = walletOf(context)
  const entry = await wallet.transaction(hashKey(hashOf(text)))
  if (entry === undefined) throw methodError(`no transaction of this wallet: ${text}`)
  const content = await wallet.contentOf(entry)
  const around = wallet.surroundings()
  const shown = content === undefined ? { txid: hashToHex(entry.txid) } : transactionJson(content, entry.txid)
  return {
    ...shown,
    confirmations: confirmationsOf(entry, around),
    in_mempool: around.isPending(entry.key),
    ...summaryJson(entry, around, (hash) => wallet.isChange(hash)),
  }
}
