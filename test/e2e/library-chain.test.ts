/** The library against a node with a chain: a payment from its key to its block, and a monitor of what is new. */
import { afterEach, describe, expect, it } from 'vitest'
import {
  addressChain,
  type BlockBody,
  type ChainControl,
  childKey,
  connect,
  createPowHasher,
  createSignatures,
  DilithionNode,
  decodeAddress,
  decodePayload,
  encodeAddress,
  encodePayload,
  hash160,
  InvType,
  type MempoolOutcome,
  masterKey,
  minFee,
  openChain,
  p2pkhScript,
  parseBody,
  paymentBytes,
  phraseOf,
  regtest,
  seedOf,
  signTransaction,
  type Transaction,
  txidOf,
} from '../../src/index.ts'
import { deferred } from '../../src/node/deferred.ts'

const open: { stop(): Promise<void> }[] = []

interface ChainNode {
  readonly control: ChainControl
  readonly port: number
}

async function startNode(onMempool: (outcome: MempoolOutcome) => void = () => undefined): Promise<ChainNode> {
  const chain = await openChain({ network: regtest })
  const node = new DilithionNode({
    network: regtest,
    listen: { port: 0, host: '127.0.0.1' },
    chain,
    onEvent: (event) => event.type === 'mempool' && onMempool(event.outcome),
  })
  open.push({ stop: () => node.stop().then(() => chain.close()) })
  await node.start()
  const { chain: control, listenPort: port } = node
  if (control === undefined || port === undefined) throw new Error('no chain, or no port')
  return { control, port }
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((thing) => thing.stop()))
})

describe('a payment', () => {
  it('of a key out of a recovery phrase is signed, sent to a node, and mined', async () => {
    const accepted = deferred<MempoolOutcome>()
    const { control, port } = await startNode(accepted.resolve)
    const { signer, close } = createSignatures({ threads: 1 })
    open.push({ stop: close })

    const phrase = phraseOf(new Uint8Array(32).fill(7))
    const { keySeed: secret } = childKey(addressChain(masterKey(await seedOf(phrase, '')), 0, 0), 0)
    const [publicKey = new Uint8Array()] = await signer.publicKeys([secret])
    const own = decodeAddress(encodeAddress(hash160(publicKey)))
    if (!own.ok) throw new Error(own.error)
    const scriptPubKey = p2pkhScript(own.value)
    await control.generate(101, scriptPubKey)

    const first = await blockAt(control, 1)
    const [coinbase] = first.transactions
    if (coinbase === undefined) throw new Error('no coinbase')
    const value = coinbase.transaction.outputs[0]?.value ?? 0n
    const unsigned: Transaction = {
      version: 1,
      inputs: [
        {
          previousHash: coinbase.txid,
          previousIndex: 0,
          scriptSig: new Uint8Array(),
          sequence: 0xffff_ffff,
        },
      ],
      outputs: [{ value: value - BigInt(minFee(paymentBytes(1, 1))), scriptPubKey }],
      lockTime: 0,
    }
    const keys = [{ secret, scriptPubKey }]
    const transaction = await signTransaction(unsigned, keys, regtest.chain.chainId, signer)
    expect(encodePayload({ type: 'tx', transaction })).toHaveLength(paymentBytes(1, 1))
    const client = await connect({ network: regtest, host: '127.0.0.1', port })
    open.push({ stop: () => client.close() })
    client.send({ type: 'tx', transaction })
    expect(await accepted.promise).toMatchObject({ verdict: 'accepted', known: { id: txidOf(transaction) } })

    await control.generate(1, scriptPubKey)
    expect((await blockAt(control, 102)).transactions[1]?.txid).toEqual(txidOf(transaction))
    const spent = await control.spentBy(control.engine.tip)
    expect(spent?.map((coin) => BigInt(coin.value))).toEqual([value])
  })

  /** A block by its height, with its transactions; its id is what its header hashes to. */
  async function blockAt(control: ChainControl, height: number): Promise<BlockBody> {
    const node = control.engine.activeAt(height)
    const stored = node === undefined ? undefined : await control.readBlock(node)
    const message = decodePayload('block', stored?.payload ?? new Uint8Array())
    if (node === undefined || !message.ok) throw new Error('no block')
    const { header, transactionData } = message.value.block
    const hasher = createPowHasher({ algorithm: regtest.chain.proofOfWork })
    expect(await hasher.hash([header.bytes], false)).toEqual([node.hash])
    await hasher.close()
    const body = parseBody(regtest.chain, header, transactionData, height)
    if (!body.ok) throw new Error(body.error.code)
    return body.value
  }
})

describe('a monitor', () => {
  it('is told of each block by its id, also when it has shown that it has the one before', async () => {
    const { control, port } = await startNode()
    const client = await connect({ network: regtest, host: '127.0.0.1', port })
    open.push({ stop: () => client.close() })
    for (let height = 1; height <= 3; height++) {
      const [hash = new Uint8Array()] = await control.generate(1, p2pkhScript(new Uint8Array(20)))
      const { inventory } = await client.next('inv')
      expect([...inventory]).toEqual([{ type: InvType.block, hash }])
      client.send({ type: 'getdata', inventory })
      const { block } = await client.next('block')
      expect(block.header.bytes).toEqual(control.engine.tip.bytes)
    }
  })
})
