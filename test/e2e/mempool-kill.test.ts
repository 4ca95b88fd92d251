/** What a real node keeps of the transactions that wait when it is killed at any moment, and when their file is damaged. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { generateKeyPair } from '../../src/crypto/ml-dsa.ts'
import { createSignatures } from '../../src/crypto/signatures.ts'
import { encodeDump } from '../../src/mempool/dump.ts'
import { knownTransaction } from '../../src/mempool/entry.ts'
import { regtest, testnet } from '../../src/params/networks.ts'
import { fromHex, hashToHex, toHex } from '../../src/primitives/bytes.ts'
import { hash160 } from '../../src/primitives/sha3.ts'
import { encodeAddress } from '../../src/script/address.ts'
import { p2pkhScript } from '../../src/script/templates.ts'
import { signTransaction } from '../../src/wallet/sign-transaction.ts'
import { eventually } from '../../testkit/changes.ts'
import { Lab, type NodeProcess } from '../../testkit/process.ts'

const lab = new Lab()
afterAll(() => lab.close())

const seed = new Uint8Array(32).fill(5)
const scriptPubKey = p2pkhScript(hash160(generateKeyPair(seed).publicKey))
const ADDRESS = encodeAddress(hash160(generateKeyPair(seed).publicKey))
/** Each pays the next one. */
const CHAIN = 3
const CHAINS = 40
/** Of these chains, not handed in before the others are mined. */
const LATE = 6
const FEE = 100_000n
const MATURE = 100
/** Many steps, each of which waits for processes. */
const LONG_MS = 240_000

interface Payment {
  readonly hex: string
  readonly txid: string
}

const dataDir = lab.newFolder()
const path = join(dataDir, 'mempool.dlt')
let node: NodeProcess
let early: Payment[]
let late: Payment[]

async function start(...args: string[]): Promise<void> {
  node = (await lab.startListening({ args: ['--regtest', '--wallet=0', ...args], dataDir })).node
}

/** Starts it, and waits until it has read its file. */
async function startAgain(...args: string[]): Promise<string[]> {
  await start(...args)
  await eventually(async () => {
    const { loaded } = (await node.rpc('getmempoolinfo')) as { loaded: boolean }
    return loaded || undefined
  }, 'all of the file')
  return await waiting()
}

async function waiting(): Promise<string[]> {
  return ((await node.rpc('getrawmempool')) as string[]).sort()
}

const idsOf = (payments: readonly Payment[]): string[] => payments.map(({ txid }) => txid).sort()

/** Pays with each of these coinbases, and with what comes back of that, and so on. */
async function chainsOf(coinbases: readonly string[]): Promise<Payment[]> {
  const { signer, close } = createSignatures()
  try {
    const chains = coinbases.map(async (coinbase) => {
      const payments: Payment[] = []
      let previousHash = fromHex(coinbase)?.reverse() ?? new Uint8Array(0)
      for (let i = 1n; i <= CHAIN; i++) {
        const input = { previousHash, previousIndex: 0, scriptSig: new Uint8Array(0), sequence: 0xffff_ffff }
        const output = { value: 5_000_000_000n - i * FEE, scriptPubKey }
        const unsigned = { version: 1, inputs: [input], outputs: [output], lockTime: 0 }
        const key = { secret: seed, scriptPubKey }
        const { bytes, id } = knownTransaction(
          await signTransaction(unsigned, [key], regtest.chain.chainId, signer),
        )
        payments.push({ hex: toHex(bytes), txid: hashToHex(id) })
        previousHash = id
      }
      return payments
    })
    return (await Promise.all(chains)).flat()
  } finally {
    await close()
  }
}

beforeAll(async () => {
  await start()
  const hashes = (await node.rpc('generatetoaddress', CHAINS + MATURE, ADDRESS)) as string[]
  const blocks = hashes
    .slice(0, CHAINS)
    .map((hash) => node.rpc('getblock', hash) as Promise<{ tx: string[] }>)
  const payments = await chainsOf((await Promise.all(blocks)).map(({ tx }) => tx[0] ?? ''))
  early = payments.slice(0, -CHAIN * LATE)
  late = payments.slice(-CHAIN * LATE)
  // The chain is not what is tested here.
  await node.stop()
}, LONG_MS)

/** Hands payments in from number `from` on, and saves all the time, until it is killed. Returns how many were saved. */
async function payUntilKilled(from: number, answers: number): Promise<number> {
  let sent = from
  let saved = 0
  let isKilled = false
  const untilKilled = async (work: () => Promise<void>): Promise<void> => {
    try {
      for (;;) await work()
    } catch (error) {
      // The connection ends with the process; nothing else may go wrong before.
      if (!isKilled) throw error
    }
  }
  const pay = async (): Promise<void> => {
    const payment = early[sent % early.length]
    if (payment === undefined) throw new Error('no payments')
    expect(await node.rpc('sendrawtransaction', payment.hex)).toBe(payment.txid)
    if (++sent < from + answers) return
    isKilled = true
    node.signal('SIGKILL')
  }
  const save = async (): Promise<void> => {
    const before = sent
    await node.rpc('savemempool')
    saved = before
  }
  await Promise.all([untilKilled(pay), untilKilled(save)])
  await node.waitForExit()
  return Math.min(saved, early.length)
}

function expectNoTrouble(): void {
  expect(node.errors).toEqual([])
  expect(node.log.filter((line) => line.includes('mempool.dlt'))).toEqual([])
  expect(
    readdirSync(dataDir).filter((name) => name.startsWith('mempool.dlt.') && !name.endsWith('.new')),
  ).toEqual([])
}

describe('transactions that wait', () => {
  it(
    'are all there again that were saved, whenever the node is killed while it saves',
    async () => {
      let safe = 0
      await startAgain()
      for (const answers of [2, 7, 15, 24, 35]) {
        safe = Math.max(safe, await payUntilKilled(safe, answers))
        const there = await startAgain()
        expect(there).toEqual(expect.arrayContaining(idsOf(early.slice(0, safe))))
        expectNoTrouble()
      }
      expect(safe).toBeGreaterThan(0)
      for (const { hex } of early) await node.rpc('sendrawtransaction', hex)
      expect(await waiting()).toEqual(idsOf(early))
      await node.rpc('savemempool')
      await node.stop('SIGKILL')
    },
    LONG_MS,
  )

  it(
    'are all there again when it is killed while it reads them, and after a reindex',
    async () => {
      for (const share of [0, 0.3, 0.6]) {
        await start()
        await eventually(async () => {
          const { size } = (await node.rpc('getmempoolinfo')) as { size: number }
          return size >= share * early.length || undefined
        }, 'a part of the file')
        await node.stop('SIGKILL')
        expectNoTrouble()
      }
      expect(await startAgain()).toEqual(idsOf(early))
      await node.stop('SIGKILL')
      expect(await startAgain('--reindex')).toEqual(idsOf(early))
      expectNoTrouble()
      expect(await node.stop()).toMatchObject({ code: 0 })
      expect(await startAgain()).toEqual(idsOf(early))
    },
    LONG_MS,
  )

  it(
    'are not there again if they were mined, though the file still has them',
    async () => {
      const file = readFileSync(path)
      await node.rpc('generatetoaddress', 1, ADDRESS)
      // Writes down what there is of the chain.
      await node.rpc('gettxoutsetinfo')
      expect(await waiting()).toEqual([])
      for (const { hex } of late) await node.rpc('sendrawtransaction', hex)
      await node.rpc('savemempool')
      await node.stop('SIGKILL')
      expect(await startAgain()).toEqual(idsOf(late))
      await node.stop('SIGKILL')
      writeFileSync(path, file)
      expect(await startAgain()).toEqual([])
      for (const { hex } of late) await node.rpc('sendrawtransaction', hex)
      expect(await node.stop()).toMatchObject({ code: 0 })
    },
    LONG_MS,
  )

  it(
    'cost no start if their file is damaged',
    async () => {
      const whole = readFileSync(path)
      const changed = (at: number, byte: number): Buffer => {
        const bytes = Buffer.from(whole)
        bytes[at] = byte
        return bytes
      }
      const damages: [content: Buffer, warning: RegExp, left: number][] = [
        [whole.subarray(0, -3), /is damaged: it was set aside as .*damaged-\d+; what could be/, late.length],
        [whole.subarray(0, 5_000), /is damaged/, 0],
        [
          Buffer.concat([...encodeDump({ genesis: testnet.genesisHash, height: 0 }, [])]),
          /is of another network: it was set/,
          0,
        ],
        [changed(7, 0x34), /was written by another version of this node: it was set aside/, 0],
      ]
      for (const [content, warning, left] of damages) {
        writeFileSync(path, content)
        // What a kill leaves behind.
        writeFileSync(`${path}.new`, whole.subarray(0, 1_000))
        expect(await startAgain()).toHaveLength(left)
        const lines = node.log.filter((line) => line.includes('mempool.dlt'))
        expect(lines).toEqual([expect.stringMatching(warning)])
        for (const { hex } of late) await node.rpc('sendrawtransaction', hex)
        expect(await node.stop()).toMatchObject({ code: 0 })
        expect(node.errors).toEqual([])
        expect(await startAgain()).toEqual(idsOf(late))
        await node.stop('SIGKILL')
      }
    },
    LONG_MS,
  )
})
