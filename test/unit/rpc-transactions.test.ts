/** Transactions by RPC, with real signatures, on a chain that a test mines. */
import { mkdir, mkdtemp, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { generateKeyPair } from '../../src/crypto/ml-dsa.ts'
import { knownTransaction } from '../../src/mempool/entry.ts'
import { type ChainBackend, openChain } from '../../src/node/chain-backend.ts'
import { MEMPOOL_FILE, MempoolFile, type MempoolOwner } from '../../src/node/mempool-file.ts'
import { DilithionNode } from '../../src/node/node.ts'
import { regtest, testnet } from '../../src/params/networks.ts'
import { fromHex, hashToHex, toHex } from '../../src/primitives/bytes.ts'
import { hash160 } from '../../src/primitives/sha3.ts'
import { RpcDispatcher } from '../../src/rpc/dispatcher.ts'
import { transactionOf } from '../../src/rpc/transaction-param.ts'
import { encodeAddress } from '../../src/script/address.ts'
import { p2pkhScript } from '../../src/script/templates.ts'
import { signTransaction } from '../../src/wallet/sign-transaction.ts'
import { NO_SIGNAL } from './rpc-fixtures.ts'

const seed = new Uint8Array(32).fill(5)
const owner = hash160(generateKeyPair(seed).publicKey)
const address = encodeAddress(owner)
const elsewhere = encodeAddress(new Uint8Array(20).fill(9))
const key = { secret: seed, scriptPubKey: p2pkhScript(owner) }

let folder: string
let backend: ChainBackend
let node: DilithionNode
let file: MempoolFile
let call: <T = unknown>(method: string, params?: unknown) => Promise<T>
let error: (method: string, params?: unknown) => Promise<string>
let coinbases: string[]
const warnings: string[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dilithion-mempool-'))
  backend = await openChain({ network: regtest, txIndex: true })
  node = new DilithionNode({ network: regtest, chain: backend })
  await node.start()
  file = newFile()
  if (node.chain === undefined) throw new Error('no chain')
  file.follow(node.chain)
  const dispatcher = new RpcDispatcher(node, () => {})
  const reply = async (method: string, params: unknown) =>
    JSON.parse(await dispatcher.dispatch(JSON.stringify({ id: 1, method, params }), () => {}, NO_SIGNAL))
  call = async (method, params) => {
    const answer = await reply(method, params)
    expect(answer.error).toBeUndefined()
    return answer.result
  }
  error = async (method, params) => (await reply(method, params)).error?.message ?? 'no error'
  const hashes = await call<string[]>('generatetoaddress', [105, address])
  coinbases = []
  for (const hash of hashes.slice(0, 5)) {
    const { tx } = await call<{ tx: string[] }>('getblock', [hash])
    coinbases.push(tx[0] ?? '')
  }
})

afterAll(async () => {
  await node.stop()
  await Promise.all([backend.close(), file.close()])
  await rm(folder, { recursive: true, force: true })
})

function newFile(): MempoolFile {
  const { genesisHash } = regtest
  return new MempoolFile({
    dataDir: folder,
    genesisHash,
    warn: (text) => warnings.push(text),
    restored: () => {},
  })
}

async function signed(hex: string): Promise<string> {
  const { transaction } = transactionOf(hex)
  const keys = transaction.inputs.map(() => key)
  const made = await signTransaction(transaction, keys, regtest.chain.chainId, backend.signatures.signer)
  return toHex(knownTransaction(made).bytes)
}

/** Spends an output; the rest is the fee. */
async function payment(txid: string, amount: number, to = elsewhere): Promise<string> {
  return await signed(await call('createrawtransaction', [[{ txid, vout: 0 }], { [to]: amount }]))
}

const idOf = (hex: string): string => hashToHex(transactionOf(hex).id)

describe('transactions by RPC', () => {
  it('are made and read', async () => {
    const inputs = [{ txid: coinbases[0], vout: 0 }]
    const hex = await call<string>('createrawtransaction', {
      inputs,
      outputs: [{ [elsewhere]: '1.5' }, { [address]: 48.4999 }, { data: '00ff' }],
      locktime: 7,
    })
    expect(await call('decoderawtransaction', [hex])).toMatchObject({
      version: 1,
      locktime: 7,
      vin: [{ txid: coinbases[0], vout: 0, scriptSig: '', sequence: 0xffff_fffe }],
      vout: [
        { value: 150_000_000, n: 0, address: elsewhere },
        { value: 4_849_990_000, n: 1, address },
        { value: 0, n: 2, scriptPubKey: '6a0200ff' },
      ],
      vin_count: 1,
      vout_count: 3,
      size: hex.length / 2,
    })
    expect(await error('decoderawtransaction', ['00'])).toContain('TX decode failed')
    expect(await error('decoderawtransaction', [`${hex}00`])).toContain('1 bytes too many')
    expect(await error('decoderawtransaction', ['0'])).toContain('not hex')
    expect(await error('createrawtransaction', [inputs, { nobody: 1 }])).toContain('not an address')
    expect(await error('createrawtransaction', [[{ txid: inputs[0]?.txid }], {}])).toContain(
      "parameter 'inputs': inputs[0].vout is missing",
    )
    const many = Array.from({ length: 10_001 }, (_, vout) => ({ txid: inputs[0]?.txid, vout }))
    expect(await error('createrawtransaction', [many, {}])).toContain('a list of at most 10000 inputs')
    const outputs = Array(10_001).fill({ [address]: 1 })
    expect(await error('createrawtransaction', [inputs, outputs])).toContain('at most 10000 outputs')
    for (const bytes of [19_997, 70_000])
      expect(await error('createrawtransaction', [inputs, { data: '00'.repeat(bytes) }])).toContain(
        'hex of at most 19996 bytes',
      )
    const largest = await call<string>('createrawtransaction', [inputs, { data: '00'.repeat(19_996) }])
    expect(await call('decoderawtransaction', [largest])).toMatchObject({ vout_count: 1 })
    for (const amount of [-1, 'much', 0.000000001, 22_000_000, '', '0x10', '1e1'])
      expect(await error('createrawtransaction', [inputs, { [address]: amount }])).toContain('not an amount')
  })

  it('are judged, with the name of the rule', async () => {
    const [txid = ''] = coinbases
    const good = await payment(txid, 49.999)
    const greedy = await payment(txid, 50.1)
    const cheap = await payment(txid, 49.99999)
    const unsigned = await call<string>('createrawtransaction', [[{ txid, vout: 0 }], { [address]: 49.999 }])
    expect(await call('testmempoolaccept', [[good, greedy, cheap]])).toEqual([
      { txid: idOf(good), wtxid: idOf(good), allowed: true, vsize: good.length / 2, fees: { base: 0.001 } },
      expect.objectContaining({ allowed: false, 'reject-reason': 'bad-txns-in-belowout' }),
      expect.objectContaining({ allowed: false, 'reject-reason': 'min-fee-not-met' }),
    ])
    expect(await error('sendrawtransaction', [greedy])).toMatch(/^bad-txns-in-belowout: /)
    expect(await error('sendrawtransaction', [unsigned])).toMatch(/^mandatory-script-verify-flag-failed: /)
    expect(await error('testmempoolaccept', [[]])).toContain('1 to 25 transactions')
    expect(await call('getmempoolinfo')).toMatchObject({ size: 0, loaded: true, min_fee_rate: 0 })
  })

  it('wait, and are mined by what they pay', async () => {
    const [, second = '', third = ''] = coinbases
    const parent = await payment(second, 49.999, address)
    const child = await payment(idOf(parent), 49.997)
    const other = await payment(third, 49.9986)
    for (const hex of [parent, child, other]) expect(await call('sendrawtransaction', [hex])).toBe(idOf(hex))
    expect(await call('sendrawtransaction', { hexstring: parent })).toBe(idOf(parent))
    expect(await call('getrawmempool')).toEqual([parent, child, other].map(idOf))
    expect(await call('getmempoolinfo')).toMatchObject({ size: 3, unbroadcastcount: 3, total_fee: 0.0044 })
    expect(await call('getmempoolentry', [idOf(child)])).toMatchObject({
      depends: [idOf(parent)],
      ancestorcount: 2,
      descendantcount: 1,
      fees: { base: 0.002, ancestor: 0.003 },
      own: true,
    })
    expect(await call('getmempoolancestors', [idOf(child)])).toEqual([idOf(parent)])
    expect(await call('getmempooldescendants', [idOf(parent), true])).toHaveProperty(idOf(child))
    expect(await call('getrawtransaction', [idOf(other)])).toBe(other)
    expect(await call('estimatesmartfee', [3])).toEqual({ feerate: 0.00005, ions_per_byte: 5, blocks: 3 })
    const template = await call<{ transactions: { txid: string; depends: number[] }[] }>('getblocktemplate')
    expect(template).toMatchObject({ coinbasevalue: 5_000_440_000 })
    // Together the first two pay more than the third.
    expect(template.transactions.map(({ txid }) => txid)).toEqual([parent, child, other].map(idOf))
    expect(template.transactions[1]?.depends).toEqual([1])
    const [hash] = await call<string[]>('generatetoaddress', [1, address])
    const block = await call<{ tx: string[] }>('getblock', [hash])
    expect(block.tx.slice(1)).toEqual([parent, child, other].map(idOf))
    expect(await call('getrawmempool')).toEqual([])
    expect(await call('getrawtransaction', [idOf(other), true, hash])).toMatchObject({
      txid: idOf(other),
      hex: other,
      blockhash: hash,
      confirmations: 1,
      in_active_chain: true,
    })
    expect(await call('getrawtransaction', [idOf(other)])).toBe(other)
    expect(await call('getrawtransaction', [coinbases[4], 1])).toMatchObject({ blockheight: 5 })
    expect(await call('getindexinfo')).toEqual({ txindex: { synced: true, best_block_height: 106 } })
    const nobody = '00'.repeat(32)
    expect(await error('getrawtransaction', [nobody])).toContain('No block holds it either')
    expect(await error('getrawtransaction', [coinbases[4], true, hash])).toContain('in the block')
    expect(await error('sendrawtransaction', [other])).toMatch(/^txn-already-known: /)
    expect(await error('getmempoolentry', [idOf(other)])).toContain('not in mempool')
  })

  it('are kept over a restart, whatever becomes of their file', async () => {
    const payments = [await payment(coinbases[3] ?? '', 49.999), await payment(coinbases[4] ?? '', 49.999)]
    for (const hex of payments) await call('sendrawtransaction', [hex])
    const { filename } = await call<{ filename: string }>('savemempool')
    expect(filename).toBe(join(folder, MEMPOOL_FILE))
    const content = await readFile(filename)
    // Nothing can be put in place of a folder.
    await rm(filename)
    await mkdir(filename)
    expect(await error('savemempool')).toMatch(/^savemempool: can't write .*mempool\.dlt: it is a directory$/)
    await rmdir(filename)
    const restoredFrom = async (bytes: Uint8Array): Promise<string[]> => {
      await writeFile(filename, bytes)
      const given: string[] = []
      const reader = newFile()
      // As another node would.
      const owner: MempoolOwner = {
        mempool: node.chain?.mempool,
        mempoolFile: undefined,
        tipHeight: 0,
        whenAt: async () => {},
        restoreTransaction: async ({ known }) => {
          given.push(hashToHex(known.id))
          const facts = { entry: undefined, fault: undefined, missing: [] }
          return {
            type: 'transaction',
            source: 'local',
            arrival: 'restored',
            known,
            verdict: 'known',
            ...facts,
          }
        },
      }
      reader.follow(owner)
      await expect.poll(() => reader.isLoaded).toBe(true)
      return given
    }
    expect(await restoredFrom(content)).toEqual(payments.map(idOf))
    expect(warnings).toEqual([])
    expect(await restoredFrom(content.subarray(0, content.length - 3))).toEqual(payments.map(idOf))
    expect(await restoredFrom(content.subarray(0, 5_000))).toEqual([])
    expect(await restoredFrom(new Uint8Array(100))).toEqual([])
    expect(warnings).toHaveLength(3)
    expect(warnings[0]).toContain('was set aside as')
    expect((await readdir(folder)).filter((name) => name.includes('.damaged-')).length).toBeGreaterThan(0)
  })

  it('addresses are told from other texts', async () => {
    expect(await call('validateaddress', [address])).toMatchObject({
      isvalid: true,
      scriptPubKey: toHex(p2pkhScript(owner)),
    })
    expect(await call('validateaddress', ['nobody'])).toMatchObject({ isvalid: false })
    expect(fromHex('zz')).toBeUndefined()
  })
})

it('a chain without transactions says so', async () => {
  const opaque = await openChain({ network: testnet })
  const other = new DilithionNode({ network: testnet, chain: opaque })
  const dispatcher = new RpcDispatcher(other, () => {})
  const text = await dispatcher.dispatch('{"id":1,"method":"getrawmempool"}', () => {}, NO_SIGNAL)
  expect(JSON.parse(text).error.message).toBe('this chain has no transactions but those of miners')
  await other.stop()
  await opaque.close()
})
