/**
 * Spending: chooses coins, signs, and hands the transaction in. One payment at a time, so that no coin is chosen twice.
 * A payment is written down before it leaves, and handed in again as long as it is neither mined nor hopeless.
 */
import { randomInt } from 'node:crypto'
import { describeFault } from '../chain/faults.ts'
import type { Signer } from '../crypto/signer.ts'
import { type KnownTransaction, knownTransaction } from '../mempool/entry.ts'
import { estimateFeeRate } from '../mempool/fee-estimate.ts'
import type { TransactionOutcome } from '../mempool/mempool.ts'
import { FEE_TARGET_BLOCKS } from '../params/wallet-limits.ts'
import { bytesEqual, hashToHex, latin1Decode } from '../primitives/bytes.ts'
import { errorText, UserError } from '../primitives/errors.ts'
import { ByteReader } from '../primitives/reader.ts'
import { evaluateInputs } from '../script/evaluate-inputs.ts'
import { InputEvaluation } from '../script/input-evaluation.ts'
import { SigningContext } from '../script/signing-context.ts'
import { p2pkhScript } from '../script/templates.ts'
import { formatDil } from '../wallet/amount.ts'
import type { UnspentCoin } from '../wallet/balance.ts'
import type { CoinLocks } from '../wallet/coin-locks.ts'
import {
  isWorthMerging,
  mergeCoins,
  type Selection,
  type SelectionFault,
  selectCoins,
} from '../wallet/coin-selection.ts'
import type { WalletHistory } from '../wallet/history.ts'
import { signTransaction } from '../wallet/sign-transaction.ts'
import { costOf, INPUT_BYTES, MAX_PAYMENT_INPUTS } from '../wallet/transaction-size.ts'
import { RELAYED_TRANSACTION, readTransaction, type Transaction } from '../wire/transaction.ts'
import type { ChainControl } from './chain-control.ts'
import type { WalletFollower } from './wallet-follower.ts'
import type { WalletKeys } from './wallet-keys.ts'

export interface PaymentRequest {
  /** HASH160 of who is paid. */
  readonly to: Uint8Array
  /** In ions. */
  readonly amount: number
  /** Take the fee out of the amount. */
  readonly subtractFee?: boolean
  /** Only coins that were paid to this HASH160 of our own. */
  readonly from?: Uint8Array | undefined
}

export interface PaymentPlan {
  readonly paid: number
  readonly fee: number
  readonly change: number
}

export interface Consolidation {
  readonly txid: Uint8Array
  readonly inputs: number
  /** Coins that cost more than they bring. */
  readonly leftOut: number
  /** Coins that could be spent before, and that there will be. */
  readonly before: number
  readonly after: number
  readonly amount: number
  readonly fee: number
  readonly destination: Uint8Array
  readonly bytes: number
}

export interface PaymentParts {
  readonly chain: ChainControl
  readonly keys: WalletKeys
  readonly signer: Signer
  readonly history: WalletHistory
  readonly follower: WalletFollower
  readonly locks: CoinLocks
  /** What is not spent, once the chain has been read. */
  unspent(): Promise<UnspentCoin[]>
}

const FINAL_SEQUENCE = 0xffff_ffff

export class WalletPayments {
  readonly #parts: PaymentParts
  /** Was given out for change that came to nothing. */
  #unusedChange: Uint8Array | undefined
  #last: Promise<unknown> = Promise.resolve()
  #lastSubmit: Promise<unknown> = Promise.resolve()

  constructor(parts: PaymentParts) {
    this.#parts = parts
  }

  /** What a payment would cost. Throws UserError if it can't be made. */
  async plan(request: PaymentRequest): Promise<PaymentPlan> {
    const { paid, fee, change } = this.#select(await this.#purse(request.from), request)
    return { paid, fee, change }
  }

  /** Pays. Resolves with the transaction when the mempool has it. Throws UserError if it can't be made. */
  send(request: PaymentRequest): Promise<KnownTransaction> {
    return this.#exclusive(async () => {
      this.#mustBeOpen()
      const selection = this.#select(await this.#purse(request.from), request)
      return await this.#pay(selection, request.to)
    })
  }

  /** Makes one coin of many small ones. `to`: one of our own addresses; left out: a new one. */
  consolidate(maxInputs = MAX_PAYMENT_INPUTS, to?: Uint8Array): Promise<Consolidation> {
    return this.#exclusive(async () => {
      this.#mustBeOpen()
      const { keys } = this.#parts
      if (to !== undefined && keys.own.find(to) === undefined)
        throw new UserError(
          'consolidateutxos pays to this wallet alone: name one of its own addresses, or none',
        )
      const { spendable } = await this.#purse(undefined)
      const feeRate = this.#feeRate()
      const worthy = spendable.filter(({ output }) => isWorthMerging(output, feeRate))
      const chosen = worthy
        .sort((a, b) => a.output.value - b.output.value)
        .slice(0, Math.min(maxInputs, MAX_PAYMENT_INPUTS))
      const merged = mergeCoins(chosen.map(withValue), feeRate)
      if (chosen.length < 2 || merged === undefined)
        throw new UserError(describeNothing(spendable.length, worthy.length, costOf(INPUT_BYTES, feeRate)))
      const destination = to ?? (await this.#changeAddress())
      const known = await this.#pay(merged, destination)
      if (to === undefined) this.#unusedChange = undefined
      return {
        txid: known.id,
        inputs: chosen.length,
        leftOut: spendable.length - worthy.length,
        before: spendable.length,
        after: spendable.length - chosen.length + 1,
        amount: merged.paid,
        fee: merged.fee,
        destination,
        bytes: known.bytes.length,
      }
    })
  }

  /**
   * Signs what spends coins of ours. Is it complete then: may every input spend what it spends? Throws UserError if the
   * wallet is locked.
   */
  async sign(unsigned: Transaction): Promise<{ transaction: Transaction; isComplete: boolean }> {
    this.#mustBeOpen()
    await this.#parts.follower.caughtUp()
    const transaction = await this.#sign(unsigned)
    return { transaction, isComplete: await isComplete(transaction, this.#parts.chain) }
  }

  /** Hands in again what is not in the mempool and should be. */
  resubmit(): Promise<void> {
    const next = this.#lastSubmit.then(() => this.#resubmit())
    this.#lastSubmit = next.catch(() => undefined)
    return next
  }

  async #resubmit(): Promise<void> {
    const { history, chain } = this.#parts
    const { mempool } = chain
    if (mempool === undefined) return
    // Before, what they spend may not be known: after `--reindex` nothing is.
    await chain.whenConnected()
    for (const { key, raw, block, isFailed, time } of [...history.entries()]) {
      if (raw === undefined || block !== undefined || isFailed) continue
      if (mempool.table.get(key)?.isLocal === true) continue
      const transaction = readTransaction(new ByteReader(raw), RELAYED_TRANSACTION)
      const known = knownTransaction(transaction)
      const outcome = await chain.restoreTransaction({ known, time, isLocal: true })
      if (isHopeless(outcome)) history.fail(key)
    }
  }

  async #purse(from: Uint8Array | undefined): Promise<Purse> {
    const { follower, chain, keys, locks } = this.#parts
    if (chain.mempool === undefined) throw new UserError('this chain takes no payments')
    const coins = await this.#parts.unspent()
    if (follower.isScanning)
      throw new UserError(
        `the wallet is still reading the chain: it is at block ${follower.height} of ${chain.engine.tip.height}. Try again later`,
      )
    if (from !== undefined && keys.own.find(from) === undefined)
      throw new UserError('the address to pay from is not of this wallet')
    const purse = { spendable: [] as UnspentCoin[], later: 0, locked: 0 }
    for (const unspent of coins) {
      const { coin, confirmations, isMature, output } = unspent
      if (from !== undefined && !bytesEqual(output.hash, from)) continue
      if (confirmations === 0 || !isMature) purse.later += output.value
      else if (locks.has(coin)) purse.locked += output.value
      else purse.spendable.push(unspent)
    }
    return purse
  }

  #select(purse: Purse, { amount, subtractFee = false }: PaymentRequest): Selection<ValuedCoin> {
    const coins = purse.spendable.map(withValue)
    const selected = selectCoins(coins, { amount, subtractFee, feeRate: this.#feeRate() })
    if (!selected.ok) throw new UserError(describeSelectionFault(selected.error, amount, purse))
    return selected.value
  }

  async #pay({ inputs, paid, change }: Selection<ValuedCoin>, to: Uint8Array): Promise<KnownTransaction> {
    const outputs = [{ value: BigInt(paid), scriptPubKey: p2pkhScript(to) }]
    // Its place tells nobody which one it is.
    if (change > 0) {
      const back = { value: BigInt(change), scriptPubKey: p2pkhScript(await this.#changeAddress()) }
      outputs.splice(randomInt(2), 0, back)
    }
    const ordered = [...inputs].sort(byKey)
    const signed = await this.#sign({
      version: 1,
      inputs: ordered.map(({ entry, output }) => ({
        previousHash: entry.txid,
        previousIndex: output.index,
        scriptSig: new Uint8Array(0),
        sequence: FINAL_SEQUENCE,
      })),
      outputs,
      lockTime: 0,
    })
    const known = knownTransaction(signed)
    await this.#submit(known)
    if (change > 0) this.#unusedChange = undefined
    return known
  }

  /**
   * The same again until a payment to it was taken: a restored phrase does not find coins behind many addresses in a row
   * that were never paid.
   */
  async #changeAddress(): Promise<Uint8Array> {
    this.#unusedChange ??= await this.#parts.keys.newAddress('change')
    return this.#unusedChange
  }

  async #sign(transaction: Transaction): Promise<Transaction> {
    const { keys, history, chain, signer } = this.#parts
    const places = transaction.inputs.map(({ previousHash, previousIndex }) => {
      const output = history.outputOf(previousHash, previousIndex)
      const place = output === undefined ? undefined : keys.own.find(output.hash)
      return output === undefined || place === undefined ? undefined : { place, hash: output.hash }
    })
    // One copy of each key, however many inputs it signs.
    const secrets = new Map<string, Uint8Array>()
    for (const found of places) {
      if (found === undefined || secrets.has(latin1Decode(found.hash))) continue
      const [secret] = keys.privateKeys([found.place])
      if (secret !== undefined) secrets.set(latin1Decode(found.hash), secret)
    }
    const inputKeys = places.map((found) => {
      const secret = found === undefined ? undefined : secrets.get(latin1Decode(found.hash))
      return found === undefined || secret === undefined
        ? undefined
        : { secret, scriptPubKey: p2pkhScript(found.hash) }
    })
    try {
      return await signTransaction(transaction, inputKeys, chain.engine.params.chainId, signer)
    } finally {
      for (const secret of secrets.values()) secret.fill(0)
    }
  }

  /** Written down first: if the node is killed in between, it is handed in at the next start. */
  async #submit(known: KnownTransaction): Promise<void> {
    const { history, follower, chain } = this.#parts
    history.seen(known.transaction, known.id, chain.unixTime(), known.bytes)
    try {
      await follower.save(true)
    } catch (error) {
      // Whoever is told so will pay again: this one must not leave as well.
      history.forget(known.key)
      throw new UserError(
        `the payment was not sent: ${errorText(error)}. If listtransactions shows it after the next start, it was written all the same and is on its way`,
      )
    }
    const outcome = await chain.submitTransaction(known).catch((error: unknown) => {
      const txid = hashToHex(known.id)
      throw new UserError(
        `${errorText(error)}: the payment ${txid} is written down and will be sent after the next start. Do not make it again`,
      )
    })
    if (outcome.verdict === 'accepted' || outcome.verdict === 'known') return
    history.forget(known.key)
    await follower.save()
    const why = outcome.fault === undefined ? outcome.verdict : describeFault(outcome.fault)
    throw new UserError(`the payment was not accepted: ${why}`)
  }

  #feeRate(): number {
    const { mempool, engine } = this.#parts.chain
    const sorted = mempool?.table.sorted() ?? []
    return estimateFeeRate(sorted, engine.params.maxTransactionDataBytes, FEE_TARGET_BLOCKS)
  }

  #mustBeOpen(): void {
    if (this.#parts.keys.isLocked)
      throw new UserError('the wallet is locked: unlock it with walletpassphrase first')
  }

  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#last.then(work)
    this.#last = next.catch(() => undefined)
    return next
  }
}

/** Only if everything is known that it spends, among the coins or in the mempool. */
async function isComplete(transaction: Transaction, chain: ChainControl): Promise<boolean> {
  const signing = new SigningContext(transaction, chain.engine.params.chainId)
  const evaluations: InputEvaluation[] = []
  for (const [index, { previousHash, previousIndex }] of transaction.inputs.entries()) {
    const { coin } = await chain.coin(previousHash, previousIndex)
    const waiting = chain.mempool?.get(previousHash)?.transaction.outputs[previousIndex]
    const script = coin?.script ?? waiting?.scriptPubKey
    if (script === undefined) return false
    evaluations.push(InputEvaluation.start(signing, index, script))
  }
  const round = evaluateInputs(evaluations)
  let step = round.next([])
  while (step.done !== true) {
    step = round.next(await chain.backend.signatures.verifier.verifyBatch(step.value))
  }
  return step.value === undefined
}

/** What there is to pay with. */
interface Purse {
  readonly spendable: readonly UnspentCoin[]
  /** Ions that are not mined yet, or too young. */
  readonly later: number
  /** Ions that the owner keeps out of payments. */
  readonly locked: number
}

type ValuedCoin = UnspentCoin & { readonly value: number }

function withValue(coin: UnspentCoin): ValuedCoin {
  return { ...coin, value: coin.output.value }
}

/** Inputs of one key stand side by side, so that its pair is made once. */
function byKey(a: ValuedCoin, b: ValuedCoin): number {
  const [keyA, keyB] = [latin1Decode(a.output.hash), latin1Decode(b.output.hash)]
  return keyA < keyB ? -1 : keyA > keyB ? 1 : a.value - b.value
}

/** Will it never be taken? What it spends may be unknown for a while after blocks were undone. */
function isHopeless({ verdict, fault }: TransactionOutcome): boolean {
  if (verdict !== 'rejected') return false
  return fault?.code !== 'mempool-full' && fault?.code !== 'bad-txns-premature-spend-of-coinbase'
}

/** `cost`: of an input, in ions. */
function describeNothing(coins: number, worthy: number, cost: number): string {
  const count = coins === 1 ? '1 coin' : `${coins} coins`
  const why = `of ${count} that can be spent now ${worthy} would bring more than the ${formatDil(cost)} DIL that each costs`
  return `there is nothing to consolidate: it takes two coins, and ${why}`
}

function describeSelectionFault(fault: SelectionFault, amount: number, { later, locked }: Purse): string {
  switch (fault.code) {
    case 'insufficient': {
      const { available, needed } = fault
      const hints = [
        `not enough coins: ${formatDil(available)} DIL can be spent now, ${formatDil(needed)} DIL are needed with the fee`,
        ...(amount <= available ? ['With subtractfeefromamount it is taken out of the amount'] : []),
        ...(later > 0 ? [`${formatDil(later)} DIL more are not mined yet, or too young`] : []),
        ...(locked > 0 ? [`${formatDil(locked)} DIL more are kept out by lockunspent`] : []),
      ]
      return hints.join('. ')
    }
    case 'spread':
      return `the balance is spread over ${fault.coins} coins, and a payment takes at most ${MAX_PAYMENT_INPUTS}: make them one with consolidateutxos first, or pay at most ${formatDil(fault.most)} DIL`
    case 'tooSmall':
      return `the amount is too small: the network takes no output below ${formatDil(fault.least)} DIL`
  }
}
