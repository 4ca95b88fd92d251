import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ChainBackend, openChain } from '../../src/node/chain-backend.ts'
import { DilithionNode } from '../../src/node/node.ts'
import { mainnet, regtest } from '../../src/params/networks.ts'
import { hashToHex, toHex } from '../../src/primitives/bytes.ts'
import { UserError } from '../../src/primitives/errors.ts'
import { RpcDispatcher } from '../../src/rpc/dispatcher.ts'
import { transactionJson, transactionText } from '../../src/rpc/transaction-json.ts'
import { encodeAddress } from '../../src/script/address.ts'
import { txidOf } from '../../src/wire/transaction.ts'
import { ChainBuilder, payTo } from '../../testkit/chain-builder.ts'
import { FakeControl, NO_SIGNAL } from './rpc-fixtures.ts'

const builder = new ChainBuilder(regtest.chain)
const address = encodeAddress(new Uint8Array(20).fill(7))
let backend: ChainBackend
let node: DilithionNode
let call: (method: string, params?: unknown, signal?: AbortSignal) => Promise<unknown>
let error: (method: string, params?: unknown, signal?: AbortSignal) => Promise<string>

beforeAll(async () => {
  backend = await openChain({ network: regtest })
  node = new DilithionNode({ network: regtest, chain: backend })
  await node.start()
  const dispatcher = new RpcDispatcher(node, () => {})
  const reply = async (method: string, params: unknown, signal = NO_SIGNAL) =>
    JSON.parse(await dispatcher.dispatch(JSON.stringify({ id: 1, method, params }), () => {}, signal))
  call = async (method, params, signal) => {
    const answer = await reply(method, params, signal)
    expect(answer.error).toBeUndefined()
    return answer.result
  }
  error = async (method, params, signal) => (await reply(method, params, signal)).error?.message ?? 'no error'
  await call('generatetoaddress', [12, address])
})

afterAll(async () => {
  await node.stop()
  await backend.close()
})

interface ShownCoinbase {
  readonly txid: string
  readonly vout: readonly { n: number; value: number; scriptPubKey: string }[]
}

const hashAt = async (height: number): Promise<string> => {
  const { blockhash } = (await call('getblockhash', { height })) as { blockhash: string }
  return blockhash
}

describe('the chain by RPC', () => {
  it('says where it stands', async () => {
    expect(await call('getblockcount')).toBe(12)
    expect(await call('getbestblockhash')).toBe(await hashAt(12))
    expect(await call('getblockchaininfo')).toMatchObject({
      chain: 'regtest',
      blocks: 12,
      headers: 12,
      bestblockhash: await hashAt(12),
      initialblockdownload: false,
      verificationprogress: 1,
      pruned: false,
      proof_of_work: 'sha3',
      unchecked_rules: '',
    })
    expect(await call('getdifficulty')).toBeGreaterThan(0)
  })

  it('shows headers', async () => {
    const hash = await hashAt(3)
    const shown = await call('getblockheader', [hash])
    expect(shown).toMatchObject({
      hash,
      height: 3,
      confirmations: 10,
      version: 1,
      bits: '0x207fffff',
      previousblockhash: await hashAt(2),
      nextblockhash: await hashAt(4),
      nTx: 1,
    })
    expect(await call('getblockheader', { hash, verbose: false })).toHaveLength(160)
  })

  it('shows blocks in three ways', async () => {
    const hash = await hashAt(5)
    const hex = await call('getblock', [hash, 0])
    expect(hex).toMatch(/^01000000[0-9a-f]+$/)
    const brief = (await call('getblock', [hash])) as { tx: string[]; size: number; miner: string }
    expect(brief).toMatchObject({ hash, height: 5, tx_count: 1, confirmations: 8, miner: address })
    const full = (await call('getblock', { hash, verbosity: 2 })) as { tx: Record<string, unknown>[] }
    expect(full.tx[0]).toMatchObject({
      txid: brief.tx[0],
      vin: [{ coinbase: true }],
      vout: [{ value: 5_000_000_000, n: 0, address }],
    })
    const genesis = (await call('getblock', [await hashAt(0)])) as Record<string, unknown>
    expect(genesis).toMatchObject({ height: 0, previousblockhash: '0'.repeat(64) })
    expect(genesis['hash']).toBe(hashToHex(regtest.genesisHash))
  })

  it('shows outputs that are not spent', async () => {
    const { tx } = (await call('getblock', [await hashAt(5)])) as { tx: string[] }
    expect(await call('gettxout', { txid: tx[0], n: 0 })).toMatchObject({
      confirmations: 8,
      value: 50,
      coinbase: true,
      bestblock: await hashAt(12),
    })
    expect(await call('gettxout', { txid: tx[0], n: 9 })).toBeNull()
  })

  it('sums up all outputs that are not spent, and gives a digest of them', async () => {
    const outputs: { order: string; bytes: Buffer }[] = []
    for (let height = 1; height <= 12; height++) {
      const shown = (await call('getblock', [await hashAt(height), 2])) as { tx: [ShownCoinbase] }
      const [{ txid, vout }] = shown.tx
      for (const { n, value, scriptPubKey } of vout) {
        const script = Buffer.from(scriptPubKey, 'hex')
        const numbers = Buffer.alloc(16)
        numbers.writeUInt32LE(n, 0)
        numbers.writeUInt32LE(height * 2 + 1, 4)
        numbers.writeBigUInt64LE(BigInt(value), 8)
        const outpoint = Buffer.concat([Buffer.from(txid, 'hex').reverse(), numbers])
        outputs.push({
          order: outpoint.toString('hex'),
          bytes: Buffer.concat([outpoint, Buffer.of(script.length), script]),
        })
      }
    }
    outputs.sort((a, b) => (a.order < b.order ? -1 : 1))
    const digest = createHash('sha3-256')
    for (const { bytes } of outputs) digest.update(bytes)
    const hash = digest.digest('hex')
    // Two ask at once, and both are answered.
    const answers = await Promise.all([call('gettxoutsetinfo'), call('gettxoutsetinfo')])
    for (const answer of answers)
      expect(answer).toEqual({
        height: 12,
        bestblock: await hashAt(12),
        txouts: 12,
        transactions: 12,
        bogosize: 12 * 75,
        total_amount: 600,
        disk_size: expect.any(Number),
        hash_serialized: hash,
      })
  })

  it('knows that it has no further indexes', async () => {
    expect(await call('getindexinfo')).toEqual({})
  })

  it('says what is wrong with a question', async () => {
    expect(await error('getblockhash', [99])).toContain('Block height out of range')
    expect(await error('getblock', ['00'.repeat(32)])).toContain('Block not found')
    expect(await error('getblock', ['xy'])).toContain('a hash of 64 hex digits')
    expect(await error('generatetoaddress', [1, 'nobody'])).toContain('not an address')
    expect(await error('submitblock', ['00'])).toContain('not a block in hex')
    expect(await error('invalidateblock', [])).toContain('which block?')
  })

  it('takes blocks, and says what came of them', async () => {
    const [a] = builder.chain(builder.genesis, 1, { salt: 5 })
    const [bad] = builder.chain(builder.genesis, 1, { withoutWork: true })
    if (a === undefined || bad === undefined) throw new Error('no blocks')
    const hex = (block: typeof a): string => toHex(block.header.bytes) + toHex(block.block.transactionData)
    expect(await call('submitblock', [hex(a)])).toBe('inconclusive')
    expect(await call('submitblock', [hex(a)])).toBe('duplicate')
    expect(await call('submitblock', [hex(bad)])).toBe('high-hash')
    expect(await call('getchaintips')).toEqual([
      { height: 12, hash: await hashAt(12), branchlen: 0, status: 'active' },
      { height: 1, hash: hashToHex(a.hash), branchlen: 1, status: 'valid-headers' },
    ])
    const [coinbase] = a.transactions
    if (coinbase === undefined) throw new Error('no coinbase')
    expect(await call('gettxout', [hashToHex(txidOf(coinbase)), 0])).toBeNull()
  })

  it('tells miners what to do', async () => {
    expect(await call('getblocktemplate', [{ rules: [] }])).toMatchObject({
      previousblockhash: await hashAt(12),
      height: 13,
      bits: '207fffff',
      coinbasevalue: 5_000_000_000,
      transactions: [],
    })
    expect(await call('getmininginfo')).toMatchObject({
      mining: false,
      hashrate: 0,
      threads: 0,
      blocks_found: 0,
      blocks_accepted: 0,
      blocks: 12,
      bits: '0x207fffff',
    })
    expect(await error('getblocktemplate', [{ mode: 'proposal', data: '00' }])).toContain(
      'not a block in hex',
    )
  })

  it('estimates the work of all miners', async () => {
    const times: number[] = []
    for (let height = 1; height <= 12; height++) {
      const { time } = (await call('getblockheader', [await hashAt(height)])) as { time: number }
      times.push(time)
    }
    // Two hashes a block, where every other hash is good enough.
    const seconds = Math.max(...times) - Math.min(...times)
    expect(await call('getnetworkhashps', [11, 12])).toBeCloseTo(seconds === 0 ? 0 : 22 / seconds, 4)
    expect(await call('getnetworkhashps', { height: 0 })).toBe(0)
    expect(await error('getnetworkhashps', [0])).toContain('a number of blocks from 1 on')
  })

  it('answers a long poll when there is something new to mine on', async () => {
    const { longpollid } = (await call('getblocktemplate')) as { longpollid: string }
    const height = (await call('getblockcount')) as number
    const next = call('getblocktemplate', [{ longpollid }])
    await call('generatetoaddress', [1, address])
    expect(await next).toMatchObject({ height: height + 2 })
    expect(await call('getblocktemplate', [{ longpollid: 'old' }])).toMatchObject({ height: height + 2 })
    await call('invalidateblock', { height: height + 1 })
    expect(await call('getblockcount')).toBe(height)
  })

  it('lets an operator call blocks bad and good again, and have them checked', async () => {
    const hash = await hashAt(10)
    await call('reconsiderblock')
    const height = (await call('getblockcount')) as number
    const tip = await hashAt(height)
    expect(await call('invalidateblock', { blockhash: hash })).toMatchObject({
      disconnected: height - 9,
      new_height: 9,
    })
    expect(await call('reconsiderblock', [hash])).toEqual({
      status: 'reconsidered',
      new_height: height,
      new_tip: tip,
    })
    expect(await call('verifychain', [4, 0])).toBe(true)
    await call('invalidateblock', { height: 8 })
    expect(await call('getblockcount')).toBe(7)
    expect(await call('reconsiderblock')).toMatchObject({ new_height: height })
    expect(await call('checkblockdb')).toMatchObject({ missing_blocks: [], missing_count: 0 })
    expect(await error('checkblockdb', [5, 2])).toContain('there are no blocks from 5 to 2')
    expect(await error('checkblockdb', [99])).toContain('there are no blocks from 99')
  })

  it('leaves a block that is called bad for the best other branch, and says where that leads', async () => {
    const branch = builder.chain(builder.genesis, 5, { salt: 11 })
    for (const { header, block } of branch)
      await call('submitblock', [toHex(header.bytes) + toHex(block.transactionData)])
    const height = (await call('getblockcount')) as number
    expect(await call('invalidateblock', { height: 2 })).toEqual({
      disconnected: height - 1,
      new_height: 5,
      new_tip: hashToHex(branch[4]?.hash ?? new Uint8Array(0)),
      status: 'invalidated',
    })
    expect(await call('reconsiderblock')).toMatchObject({ new_height: height })
  })

  it('does nothing behind a wait that was given up', async () => {
    const height = await call('getblockcount')
    const stop = new AbortController()
    const batch = JSON.stringify([
      { id: 'a', method: 'waitforblockheight', params: [1_000_000, 60_000] },
      { id: 'b', method: 'generatetoaddress', params: [1, address] },
      { id: {}, method: 'uptime' },
      7,
    ])
    const answer = new RpcDispatcher(node, () => {}).dispatch(batch, () => {}, stop.signal)
    stop.abort(new UserError('nobody waits'))
    const error = { code: -32_603, message: 'nobody waits' }
    expect(JSON.parse(await answer)).toMatchObject([
      { id: 'a', result: { height } },
      { id: 'b', error },
      { id: null, error },
      { id: null, error },
    ])
    expect(await call('getblockcount')).toBe(height)
  })

  it('says what is wrong with a block', async () => {
    const node = backend.engine?.activeAt(3)
    if (node === undefined) throw new Error('no block')
    const { position } = node
    node.position = undefined
    expect(await error('verifychain', [4, 0])).toMatch(
      /^verifychain: block 3: it can not be read\. Start the node/,
    )
    node.position = position
    expect(await call('verifychain', [4, 0])).toBe(true)
  })

  it('ends what takes long with the reason why', async () => {
    const ended = AbortSignal.abort(new UserError('the node stops'))
    for (const method of ['gettxoutsetinfo', 'gettopholders', 'scanblockdb', 'verifychain'])
      expect(await error(method, [], ended)).toBe('the node stops')
  })

  it('waits for blocks, no longer than it is told to', async () => {
    const next = call('waitfornewblock', [60_000])
    const height = (await call('getblockcount')) as number
    await call('generatetoaddress', [1, address])
    expect(await next).toEqual({ hash: await hashAt(height + 1), height: height + 1 })
    expect(await call('waitforblockheight', [1_000_000, 0])).toMatchObject({ height: height + 1 })
    const stop = new AbortController()
    const never = call('waitforblock', ['11'.repeat(32)], stop.signal)
    stop.abort()
    expect(await never).toMatchObject({ height: height + 1 })
  })
})

it.each([0, 1, 500, 501, 1_200])('a transaction with %i outputs is the same text in pieces', (count) => {
  const coinbase = builder.coinbase(7)
  const output = { value: 5n, scriptPubKey: payTo(3) }
  const outputs = Array.from({ length: count }, (_, i) => ({ ...output, value: BigInt(i) }))
  const transaction = { ...coinbase, outputs }
  const txid = txidOf(transaction)
  const text = [...transactionText(transaction, txid)].join('')
  expect(text).toBe(JSON.stringify(transactionJson(transaction, txid)))
})

it('who waits when the node stops is told so', async () => {
  const own = await openChain({ network: regtest })
  const stopping = new DilithionNode({ network: regtest, chain: own })
  await stopping.start()
  const dispatcher = new RpcDispatcher(stopping, () => {})
  const ask = async (method: string, params: unknown) =>
    JSON.parse(await dispatcher.dispatch(JSON.stringify({ id: 1, method, params }), () => {}, NO_SIGNAL))
  const wait = ask('waitfornewblock', [60_000])
  const generating = ask('generatetoaddress', [1_000_000, address])
  await ask('waitforblockheight', [1, 60_000])
  await stopping.stop()
  expect((await wait).result).toMatchObject({ height: expect.any(Number) })
  expect((await generating).error.message).toBe('the node stops')
  expect((await ask('verifychain', [])).error.message).toBe('the node stops')
  await own.close()
})

it('a node without a chain says so', async () => {
  const dispatcher = new RpcDispatcher(new FakeControl(), () => {})
  const text = await dispatcher.dispatch('{"id":1,"method":"getblockcount"}', () => {}, NO_SIGNAL)
  expect(JSON.parse(text).error.message).toBe('this node keeps no chain')
})

it('mining at will is for private networks', async () => {
  const control = new FakeControl()
  const dispatcher = new RpcDispatcher(Object.assign(control, { network: mainnet }), () => {})
  const text = await dispatcher.dispatch('{"id":1,"method":"generatetoaddress"}', () => {}, NO_SIGNAL)
  expect(JSON.parse(text).error.code).toBe(-32601)
})
