/**
 * Who holds how much: the unspent outputs of each address, summed up. Reads all coins once, and again in parts where there
 * are more addresses than may be in memory at once: each part has those that a secret hash sends there, so that nobody can
 * make one part grow.
 */
import { randomBytes } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { COIN_PREFIX, decodeCoin } from '../chain/coin.ts'
import type { HeaderNode } from '../chain/header-node.ts'
import { MAX_HOLDER_PARTS, MAX_HOLDERS_AT_ONCE } from '../params/limits.ts'
import { latin1Decode, latin1Encode } from '../primitives/bytes.ts'
import { UserError } from '../primitives/errors.ts'
import { SipHash } from '../primitives/siphash.ts'
import { encodeAddress } from '../script/address.ts'
import { p2pkhHash } from '../script/templates.ts'
import type { StoredPair } from '../storage/chain-store.ts'

export interface Holder {
  readonly address: string
  /** In ions. */
  readonly balance: number
  readonly outputs: number
}

export interface Holders {
  readonly holders: number
  /** Outputs of these; without a prefix also those that belong to no address. */
  readonly outputs: number
  /** Of these outputs, in ions. */
  readonly total: number
  /** Those who hold most, the richest first. */
  readonly top: readonly Holder[]
}

export interface HolderWishes {
  /** How many of the richest are wanted. */
  readonly top: number
  /** Only addresses that begin so. */
  readonly prefix: string
}

export interface HolderLimits {
  readonly holdersAtOnce: number
  readonly parts: number
}

type Batches = AsyncIterable<readonly StoredPair[]>
/** Gives all coins of the tip of that moment to a function. */
export type WalkCoins = <T>(
  read: (batches: Batches) => Promise<T>,
) => Promise<{ readonly tip: HeaderNode; readonly result: T }>

const LIMITS: HolderLimits = { holdersAtOnce: MAX_HOLDERS_AT_ONCE, parts: MAX_HOLDER_PARTS }
/** What is tried when too many are in one part. */
const PARTS_FACTOR = 4
/** Parts must be of the same tip. */
const MAX_TRIES = 3
const HOLDERS_PER_TURN = 1_000

/** Rejects with UserError if coins are damaged, there are too many holders, or the tip changes again and again. */
export async function coinHolders(
  walk: WalkCoins,
  wishes: HolderWishes,
  limits = LIMITS,
): Promise<Holders & { readonly tip: HeaderNode }> {
  for (let parts = 1; parts <= limits.parts; parts *= PARTS_FACTOR) {
    const found = await countInParts(walk, wishes, parts, limits.holdersAtOnce)
    if (found !== undefined) return found
  }
  throw new UserError('the coins belong to more addresses than this node can count')
}

/** Undefined if there are too many in a part. */
async function countInParts(
  walk: WalkCoins,
  wishes: HolderWishes,
  parts: number,
  most: number,
): Promise<(Holders & { readonly tip: HeaderNode }) | undefined> {
  const hash = new SipHash(randomBytes(16))
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const ranking = new Ranking(wishes)
    const tips = new Set<HeaderNode>()
    for (let part = 0; part < parts && tips.size < 2; part++) {
      const { tip, result } = await walk((batches) =>
        holdersOf(batches, most, (key) => parts === 1 || partOf(hash, key, parts) === part),
      )
      if (result === undefined) return undefined
      if (part === 0 && wishes.prefix === '') ranking.addOthers(result.others)
      await ranking.add(result.holders)
      tips.add(tip)
    }
    const [tip] = tips
    if (tip !== undefined && tips.size === 1) return { tip, ...ranking.result() }
  }
  throw new UserError('the chain goes on while its coins are counted. Try again')
}

function partOf(hash: SipHash, key: string, parts: number): number {
  const padded = new Uint8Array(32)
  padded.set(latin1Encode(key))
  return hash.hash(padded).low % parts
}

interface Sum {
  balance: number
  outputs: number
}

/** Sums by HASH160 as latin1 text; `others`: outputs that belong to no address. */
interface Sums {
  readonly holders: Map<string, Sum>
  readonly others: Sum
}

/** Undefined if there are more of them. */
async function holdersOf(
  batches: Batches,
  most: number,
  isWanted: (key: string) => boolean,
): Promise<Sums | undefined> {
  const holders = new Map<string, Sum>()
  const others = { balance: 0, outputs: 0 }
  for await (const batch of batches) {
    for (const [key, value] of batch) {
      const coin = decodeCoin(value)
      if (coin === undefined || !key.startsWith(COIN_PREFIX))
        throw new UserError('the coins are damaged: start once with --reindex to rebuild them')
      const hash = p2pkhHash(coin.script)
      const owner = hash === undefined ? undefined : latin1Decode(hash)
      if (owner !== undefined && !isWanted(owner)) continue
      let sum = owner === undefined ? others : holders.get(owner)
      if (sum === undefined && owner !== undefined) {
        if (holders.size >= most) return undefined
        sum = { balance: 0, outputs: 0 }
        holders.set(owner, sum)
      }
      if (sum === undefined) continue
      sum.balance += coin.value
      sum.outputs++
    }
  }
  return { holders, others }
}

/** Counts holders and keeps the richest. */
class Ranking {
  readonly #wishes: HolderWishes
  #holders = 0
  #outputs = 0
  #total = 0
  /** The richest first; at most as many as are wanted. */
  readonly #top: { readonly key: string; readonly balance: number; readonly outputs: number }[] = []

  constructor(wishes: HolderWishes) {
    this.#wishes = wishes
  }

  addOthers({ balance, outputs }: Sum): void {
    this.#outputs += outputs
    this.#total += balance
  }

  async add(holders: ReadonlyMap<string, Sum>): Promise<void> {
    const { prefix } = this.#wishes
    let inTurn = 0
    for (const [key, { balance, outputs }] of holders) {
      // Addresses take a while to make.
      if (++inTurn % HOLDERS_PER_TURN === 0) await nextTurn()
      if (prefix !== '' && !addressOf(key).startsWith(prefix)) continue
      this.#holders++
      this.#outputs += outputs
      this.#total += balance
      this.#rank(key, balance, outputs)
    }
  }

  result(): Holders {
    const top = this.#top.map(({ key, balance, outputs }) => ({ address: addressOf(key), balance, outputs }))
    return { holders: this.#holders, outputs: this.#outputs, total: this.#total, top }
  }

  #rank(key: string, balance: number, outputs: number): void {
    const top = this.#top
    const last = top.at(-1)
    const isFull = top.length >= this.#wishes.top
    if (isFull && (last === undefined || !isRicher({ key, balance }, last))) return
    let [low, high] = [0, top.length]
    while (low < high) {
      const middle = (low + high) >> 1
      const other = top[middle]
      if (other !== undefined && isRicher(other, { key, balance })) low = middle + 1
      else high = middle
    }
    top.splice(low, 0, { key, balance, outputs })
    if (top.length > this.#wishes.top) top.pop()
  }
}

interface Ranked {
  readonly key: string
  readonly balance: number
}

/** Equal ones stand in the order of their keys, so that the list is the same each time. */
function isRicher(a: Ranked, b: Ranked): boolean {
  return a.balance === b.balance ? a.key < b.key : a.balance > b.balance
}

function addressOf(key: string): string {
  return encodeAddress(latin1Encode(key))
}
