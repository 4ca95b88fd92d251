/**
 * The balance of a running node's wallet through random courses of payments both ways, rivals and reorganisations: after
 * each step it is what somebody would count who reads the chain and the mempool with a pencil.
 */
import { afterEach, describe, expect, it } from 'vitest'
import { coinKey } from '../../src/chain/coin.ts'
import type { HeaderNode } from '../../src/chain/header-node.ts'
import { Sha3Hasher } from '../../src/crypto/sha3-hasher.ts'
import { knownTransaction } from '../../src/mempool/entry.ts'
import { ChainBackend } from '../../src/node/chain-backend.ts'
import type { ChainControl } from '../../src/node/chain-control.ts'
import { DilithionNode } from '../../src/node/node.ts'
import type { WalletService } from '../../src/node/wallet-service.ts'
import { regtest } from '../../src/params/networks.ts'
import { toHex } from '../../src/primitives/bytes.ts'
import { UserError } from '../../src/primitives/errors.ts'
import { RandomSource } from '../../src/primitives/random.ts'
import { sha3_256 } from '../../src/primitives/sha3.ts'
import { SIGNATURE_BYTES } from '../../src/script/signature-check.ts'
import { p2pkhHash } from '../../src/script/templates.ts'
import { memoryChainStore } from '../../src/storage/memory-store.ts'
import type { Balance } from '../../src/wallet/balance.ts'
import { type Transaction, txidOf } from '../../src/wire/transaction.ts'
import { type BuiltBlock, GOOD_SIGNATURE, payTo } from '../../testkit/chain-builder.ts'
import { eventually } from '../../testkit/changes.ts'
import { inputsOf } from '../../testkit/ledger-model.ts'
import { hasRivals, keyOf, PaymentWorld } from '../../testkit/payment-world.ts'
import { QUICK } from '../../testkit/transaction-probe.ts'
import { cheapSigner, VAULT_COST } from '../../testkit/wallet.ts'

/** The sixth has shown a payment that counted though its coins had gone. */
const WORLDS = { from: 12, to: 19 }
const STEPS = 40
const MAX_DEPTH = 8

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
})

class Audit {
  readonly world: PaymentWorld
  readonly chain: ChainControl
  readonly wallet: WalletService
  readonly node: DilithionNode
  readonly blocks = new Map<string, BuiltBlock>()
  readonly counts = { received: 0, sent: 0, undone: 0, rivals: 0 }

  constructor(seed: number) {
    this.world = new PaymentWorld(QUICK, new RandomSource(sha3_256(Uint8Array.of(seed, 9))), 8)
    const backend = new ChainBackend(memoryChainStore(), new Sha3Hasher(), { params: QUICK }, () => undefined)
    backend.signatures.verifier.verifyBatch = async (checks) =>
      checks.map(({ signature }) => signature[0] === GOOD_SIGNATURE)
    const signer = {
      ...cheapSigner,
      sign: async (requests: readonly { readonly secret: Uint8Array }[]) => {
        const keys = await cheapSigner.publicKeys(requests.map(({ secret }) => secret))
        const signature = new Uint8Array(SIGNATURE_BYTES).fill(2)
        signature[0] = GOOD_SIGNATURE
        return keys.map((publicKey) => ({ signature, publicKey }))
      },
    }
    this.node = new DilithionNode({
      network: { ...regtest, chain: QUICK },
      chain: backend,
      wallet: { path: undefined, vaultCost: VAULT_COST, signer },
    })
    const { chain, wallet } = this.node
    if (chain === undefined || wallet === undefined) throw new Error('no wallet')
    this.chain = chain
    this.wallet = wallet
    cleanups.push(async () => {
      await this.node.stop()
      await backend.close()
    })
  }

  async begin(): Promise<void> {
    await this.node.start()
    await this.wallet.newAddress()
    for (const block of this.world.chain) this.#note(block)
    await this.#give(this.world.chain.slice(1))
    await this.check()
  }

  async step(): Promise<void> {
    const kind = this.world.below(10)
    if (kind < 3) await this.#receive()
    else if (kind < 5) await this.#send()
    else if (kind < 8) await this.#mine()
    else await this.#reorganise(1 + this.world.below(MAX_DEPTH))
    await this.check()
  }

  get #pool(): Map<string, Transaction> {
    const pool = new Map<string, Transaction>()
    for (const { key, transaction } of this.chain.mempool?.table.all() ?? [])
      pool.set(key, this.world.made.get(key) ?? transaction)
    for (const [key, transaction] of pool) this.world.made.set(key, transaction)
    return pool
  }

  async #receive(): Promise<void> {
    const pool = this.#pool
    const payment = await this.#toUs(this.world.tip, pool)
    if (payment === undefined) return
    await this.chain.submitTransaction(knownTransaction(payment))
    this.counts.received++
  }

  /** A stranger's payment to the wallet. */
  async #toUs(at: BuiltBlock, pool: Map<string, Transaction>): Promise<Transaction | undefined> {
    const { world, wallet } = this
    const spent = new Set([...pool.values()].flatMap(inputsOf))
    const theirs = (key: string): boolean => !spent.has(key) && !this.#isOurs(key)
    const payment = world.payment(at, pool, theirs)
    if (payment === undefined) return undefined
    const script = await wallet.nextMiningScript()
    const [first, ...rest] = payment.outputs
    if (first === undefined) return undefined
    const ours = { ...payment, outputs: [{ ...first, scriptPubKey: script }, ...rest] }
    world.made.delete(keyOf(payment))
    world.made.set(keyOf(ours), ours)
    return ours
  }

  #isOurs(key: string): boolean {
    for (const each of this.world.made.values())
      for (const [i, { scriptPubKey }] of each.outputs.entries())
        if (coinKey(txidOf(each), i) === key) return this.#hasKey(scriptPubKey)
    return false
  }

  #hasKey(script: Uint8Array): boolean {
    const hash = p2pkhHash(script)
    return hash !== undefined && this.wallet.keys.own.find(hash) !== undefined
  }

  async #send(): Promise<void> {
    const { confirmed } = await this.wallet.balance()
    const payments = await this.wallet.payments()
    const to = p2pkhHash(payTo(1 + this.world.below(3)))
    if (to === undefined || confirmed === 0) return
    const amount = 50_000 + this.world.below(confirmed)
    try {
      const known = await payments.send({ to, amount, subtractFee: this.world.below(2) === 0 })
      this.world.made.set(known.key, known.transaction)
      this.counts.sent++
    } catch (error) {
      if (!(error instanceof UserError)) throw error
    }
  }

  async #mine(): Promise<void> {
    const wanted = [...this.#pool.values()].filter(() => this.world.below(3) > 0)
    const block = this.#note(this.world.block(this.world.tip, wanted))
    await this.#give([block])
  }

  async #reorganise(depth: number): Promise<void> {
    const { world } = this
    const from = world.chain.at(-1 - depth)
    if (from === undefined || from.height < 4) return
    const undone = world.chain.slice(-depth).flatMap(({ transactions }) => transactions.slice(1))
    const pool = this.#pool
    const branch: BuiltBlock[] = []
    for (let i = 0; i <= depth; i++) {
      const parent = branch.at(-1) ?? from
      const wanted = [...undone, ...pool.values()].filter(() => world.below(3) > 0)
      const victim = world.pick([...undone, ...pool.values()])
      // Nobody but the wallet can spend what is its own.
      const isTheirs = victim !== undefined && !inputsOf(victim).some((key) => this.#isOurs(key))
      if (isTheirs && world.below(2) === 0) {
        const rival = world.rivalOf(victim)
        if (rival !== undefined) wanted.unshift(rival)
        this.counts.rivals++
      }
      branch.push(this.#note(world.block(parent, wanted)))
    }
    await this.#give(branch)
    this.counts.undone += depth
  }

  #note(block: BuiltBlock): BuiltBlock {
    this.blocks.set(toHex(block.hash), block)
    return block
  }

  async #give(blocks: readonly BuiltBlock[]): Promise<void> {
    for (const { block } of blocks) await this.chain.submitBlock(block)
    const chain: BuiltBlock[] = []
    for (let node: HeaderNode | undefined = this.chain.engine.tip; node !== undefined; node = node.parent) {
      const block = this.blocks.get(toHex(node.hash))
      if (block === undefined) throw new Error('a block that nobody made')
      chain.push(block)
    }
    this.world.chain = chain.reverse()
  }

  /** Throws unless the wallet comes to say what is so. */
  async check(): Promise<void> {
    let said: Balance | undefined
    let counted: Balance | undefined
    await eventually(
      async () => {
        if (this.chain.mempool?.isSettled !== true) return undefined
        said = await this.wallet.balance()
        counted = this.#count()
        return JSON.stringify(said) === JSON.stringify(counted) || undefined
      },
      'the balance',
      20_000,
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}: ${JSON.stringify(said)} is said, ${JSON.stringify(counted)} counted`)
    })
  }

  #count(): Balance {
    const pool = this.#pool
    expect(hasRivals(pool.values())).toBe(false)
    const spent = new Set([...pool.values()].flatMap(inputsOf))
    const balance = { confirmed: 0, unconfirmed: 0, immature: 0 }
    const coins = this.world.ledger.coinsAt(this.world.tip.hash)
    const count = (transaction: Transaction, isMined: boolean): void => {
      for (const [i, { value, scriptPubKey }] of transaction.outputs.entries()) {
        const key = coinKey(txidOf(transaction), i)
        const coin = coins.get(key)
        if (spent.has(key) || !this.#hasKey(scriptPubKey) || (isMined && coin === undefined)) continue
        if (coin === undefined) balance.unconfirmed += Number(value)
        else balance.confirmed += Number(value)
      }
    }
    for (const { transactions } of this.world.chain) for (const each of transactions) count(each, true)
    for (const each of pool.values()) count(each, false)
    return balance
  }
}

describe("a node's wallet", () => {
  it(`says what can be counted after each of ${STEPS} steps, in worlds ${WORLDS.from} to ${WORLDS.to}`, async () => {
    const counts = { received: 0, sent: 0, undone: 0, rivals: 0 }
    for (let seed = WORLDS.from; seed <= WORLDS.to; seed++) {
      const audit = new Audit(seed)
      await audit.begin()
      for (let i = 1; i <= STEPS; i++) {
        try {
          await audit.step()
        } catch (error) {
          throw new Error(`world ${seed}, step ${i}: ${String(error)}`, { cause: error })
        }
      }
      for (const key of Object.keys(counts) as (keyof typeof counts)[]) counts[key] += audit.counts[key]
      await audit.node.stop()
    }
    // Else it was no test.
    expect(Math.min(...Object.values(counts)), JSON.stringify(counts)).toBeGreaterThan(10)
  })
})
