import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parseBody, transactionBytes } from '../../src/chain/block-body.ts'
import { checkCoinbase } from '../../src/chain/coinbase-rules.ts'
import type { FaultCode } from '../../src/chain/faults.ts'
import { merkleRoot } from '../../src/chain/merkle.ts'
import { parseChainFile } from '../../src/node/chain-file.ts'
import { regtest, testnet } from '../../src/params/networks.ts'
import { concatBytes, hashToHex } from '../../src/primitives/bytes.ts'
import { sha3_256 } from '../../src/primitives/sha3.ts'
import type { BlockHeader } from '../../src/wire/header.ts'
import { decodePayload } from '../../src/wire/messages.ts'
import type { Transaction } from '../../src/wire/transaction.ts'
import {
  bodyOf,
  coinbase,
  headerOf,
  input,
  output,
  transaction,
  transactionBytesOf,
} from '../../testkit/bodies.ts'
import { hex, loadEasedBlocks } from '../../testkit/vectors.ts'

const chain = regtest.chain
const HEIGHT = 5
const first = coinbase(chain, HEIGHT)
const spend = (n: number): Transaction => transaction({ inputs: [input({ previousIndex: n })] })

/** What is wrong with these transactions under a header that commits to them. */
function faultOf(
  transactions: readonly (Transaction | Uint8Array)[],
  header: BlockHeader = headerOf(transactions),
  data: Uint8Array = bodyOf(transactions),
): readonly [FaultCode, 'body' | 'block'] | undefined {
  const result = parseBody(chain, header, data, HEIGHT)
  return result.ok ? undefined : [result.error.code, result.error.blames]
}

describe('blocks of other nodes', () => {
  const eased = parseChainFile(
    readFileSync(new URL('../../examples/eased-mainnet.chain.json', import.meta.url), 'utf8'),
  )
  if (!eased.ok) throw new TypeError(eased.error)
  const params = eased.value.chain

  it.each(loadEasedBlocks().blocks)('block $height', ({ height, payloadHex, txids }) => {
    const message = decodePayload('block', hex(payloadHex))
    if (!message.ok) throw new TypeError('not a block')
    const { header, transactionData } = message.value.block
    const body = parseBody(params, header, transactionData, height)
    if (!body.ok) throw new TypeError(body.error.code)
    expect(body.value.transactions.map(({ txid }) => hashToHex(txid))).toEqual(txids)
    for (const { txid, transaction: read, start, end } of body.value.transactions) {
      expect(sha3_256(transactionData.subarray(start, end))).toEqual(txid)
      expect(transactionBytes(read)).toBe(end - start)
    }
    const [made] = body.value.transactions
    if (made === undefined) throw new TypeError('no coinbase')
    const total = made.transaction.outputs.reduce((sum, { value }) => sum + Number(value), 0)
    const fees = Math.max(0, total - 5_000_000_000)
    expect(checkCoinbase(params, height, made.transaction, fees)).toBeUndefined()
    if (height > 0) {
      expect(checkCoinbase(params, height, made.transaction, fees - 1)?.code).toBe('bad-cb-amount')
    }
  })
})

describe('a body', () => {
  it('is taken apart into views with their places', () => {
    const data = bodyOf([first, spend(1), spend(2)])
    const body = parseBody(chain, headerOf([first, spend(1), spend(2)]), data, HEIGHT)
    if (!body.ok) throw new TypeError(body.error.code)
    const places = body.value.transactions.map(({ start, end }) => [start, end])
    expect(places[0]?.[0]).toBe(1)
    expect(places.at(-1)?.[1]).toBe(data.length)
    expect(body.value.transactions[1]?.transaction.inputs[0]?.scriptSig.buffer).toBe(data.buffer)
  })

  it('may be anything where blocks carry any bytes', () => {
    const body = parseBody(testnet.chain, headerOf([first]), Uint8Array.of(1, 2, 3), 1)
    expect(body).toEqual({ ok: true, value: { transactions: [] } })
  })

  it.each([
    ['nothing', new Uint8Array(0)],
    ['no transactions', Uint8Array.of(0)],
    ['a count in a longer form', concatBytes([Uint8Array.of(0xfd, 1, 0), transactionBytesOf(first)])],
    ['half a transaction', bodyOf([first]).subarray(0, 60)],
    ['a byte too many', concatBytes([bodyOf([first]), Uint8Array.of(0)])],
  ])('with %s says nothing against the header', (_, data) => {
    expect(faultOf([], headerOf([first]), data)).toEqual(['bad-blk-encoding', 'body'])
  })

  it('must be the one that the header commits to', () => {
    expect(faultOf([], headerOf([first]), bodyOf([coinbase(chain, 6)]))).toEqual(['bad-txnmrklroot', 'body'])
  })

  it('is not longer than its network allows', () => {
    const params = { ...chain, maxTransactionDataBytes: bodyOf([first]).length }
    expect(parseBody(params, headerOf([first]), bodyOf([first]), HEIGHT).ok).toBe(true)
    const longer = parseBody(params, headerOf([first, spend(1)]), bodyOf([first, spend(1)]), HEIGHT)
    expect(longer).toMatchObject({ ok: false, error: { code: 'bad-blk-length', blames: 'block' } })
    const tooLong = parseBody(chain, headerOf([first]), new Uint8Array(4_194_305), HEIGHT)
    expect(tooLong).toMatchObject({ ok: false, error: { code: 'bad-blk-length', blames: 'body' } })
  })

  it('with a repeated tail is told apart from the block that has the same root (CVE-2012-2459)', () => {
    const block = [first, spend(1), spend(2)]
    const header = headerOf(block)
    expect(faultOf([], header, bodyOf([...block, spend(2)]))).toEqual(['bad-txns-duplicate', 'body'])
    expect(faultOf(block)).toBeUndefined()
  })

  it('with a transaction twice is refused wherever it stands', () => {
    expect(faultOf([first, spend(1), spend(2), spend(3), spend(1)])).toEqual(['bad-txns-duplicate', 'body'])
  })

  it('has one coinbase, as its first transaction', () => {
    expect(faultOf([spend(1), first])).toEqual(['bad-cb-missing', 'block'])
    expect(faultOf([first, coinbase(chain, 6)])).toEqual(['bad-cb-multiple', 'block'])
  })

  it('may be two ids of another one that look like a transaction: that says nothing against the header', () => {
    const inner = transaction({
      inputs: [input({ scriptSig: new Uint8Array(4) })],
      outputs: [output({ scriptPubKey: new Uint8Array(0) })],
    })
    expect(transactionBytesOf(inner).length).toBe(64)
    expect(faultOf([inner])).toEqual(['bad-txns-duplicate', 'body'])
  })

  it('spends no output twice', () => {
    const again = transaction({ inputs: [input({ previousIndex: 1 })], lockTime: 1 })
    expect(faultOf([first, spend(1), again])).toEqual(['bad-txns-inputs-missingorspent', 'block'])
  })

  it('may spend its own outputs', () => {
    const [made] = [spend(1)]
    const child = transaction({ inputs: [input({ previousHash: sha3_256(transactionBytesOf(made)) })] })
    expect(faultOf([first, made, child])).toBeUndefined()
  })

  it('has lengths in their shortest form, to which its header may not commit otherwise', () => {
    // The number of inputs of the second transaction, in three bytes.
    const bytes = transactionBytesOf(spend(1))
    const longer = concatBytes([bytes.subarray(0, 4), Uint8Array.of(0xfd, 1, 0), bytes.subarray(5)])
    expect(faultOf([first, longer])).toEqual(['bad-txns-encoding', 'block'])
    expect(faultOf([], headerOf([first, bytes]), bodyOf([first, longer]))).toEqual([
      'bad-txnmrklroot',
      'body',
    ])
  })

  it('has no scripts that no node reads', () => {
    const long = transaction({ outputs: [output({ scriptPubKey: new Uint8Array(10_001).fill(0x6a) })] })
    expect(faultOf([first, long])).toEqual(['bad-txns-vout-script', 'block'])
    const sig = transaction({ inputs: [input({ scriptSig: new Uint8Array(20_001) })] })
    expect(faultOf([first, sig])).toEqual(['bad-txns-vin-script', 'block'])
  })

  it('obeys the rules for transactions only above the heights that checkpoints vouch for', () => {
    const cheap = transaction({ outputs: [output({ value: 1n })] })
    const block = [first, cheap]
    const codeAt = (height: number | undefined): FaultCode | undefined => {
      const result = parseBody({ ...chain, trustedHeight: 10 }, headerOf(block), bodyOf(block), height)
      return result.ok ? undefined : result.error.code
    }
    expect([10, 11, undefined].map(codeAt)).toEqual([undefined, 'bad-txns-vout-toosmall', undefined])
  })
})

describe('a merkle root', () => {
  const ids = (n: number): Uint8Array[] => Array.from({ length: n }, (_, i) => new Uint8Array(32).fill(i + 1))

  it('of one transaction is its id, and of none zero', () => {
    const [id = new Uint8Array(0)] = ids(1)
    expect(merkleRoot([id])).toEqual({ root: id, mutated: false })
    expect(merkleRoot([])).toEqual({ root: new Uint8Array(32), mutated: false })
  })

  it('pairs a last one with itself, which is no repetition', () => {
    const [a, b, c] = ids(3)
    if (a === undefined || b === undefined || c === undefined) throw new TypeError('three')
    const pair = (x: Uint8Array, y: Uint8Array): Uint8Array => sha3_256(concatBytes([x, y]))
    expect(merkleRoot([a, b, c])).toEqual({ root: pair(pair(a, b), pair(c, c)), mutated: false })
    expect(merkleRoot([a, b, c, c])).toEqual({ root: pair(pair(a, b), pair(c, c)), mutated: true })
  })

  it('notices repetitions in higher levels', () => {
    const six = ids(6)
    expect(merkleRoot([...six, ...six.slice(4)])).toEqual({ root: merkleRoot(six).root, mutated: true })
  })
})
