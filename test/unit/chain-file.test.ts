/** Chain files: every network can be written as one and read back, and mistakes are named. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parseChainFile } from '../../src/node/chain-file.ts'
import { formatChainFile } from '../../src/node/chain-file-format.ts'
import type { NetworkParams } from '../../src/params/networks.ts'
import { mainnet, networks, regtest, testnet } from '../../src/params/networks.ts'
import { fromHex, hashFromHex } from '../../src/primitives/bytes.ts'
import { loadEasedBlocks } from '../../testkit/vectors.ts'

const ROOT = new URL('../../', import.meta.url)
const read = (path: string): string => readFileSync(new URL(path, ROOT), 'utf8')

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

function parsed(text: string): NetworkParams {
  const result = parseChainFile(text)
  if (!result.ok) throw new Error(result.error)
  return result.value
}

/** What is said of a network's file after the value at a path was replaced, or removed if it is undefined. */
function complaint(
  path: string,
  value: Json | undefined,
  network: NetworkParams = mainnet,
): string | undefined {
  const document: Json = JSON.parse(formatChainFile(network))
  const keys = path.split('.')
  const last = keys.pop() ?? ''
  let at: Json = document
  for (const key of keys) at = child(at, key)
  if (typeof at !== 'object' || at === null) throw new TypeError(path)
  if (value === undefined) Reflect.deleteProperty(at, last)
  else Reflect.set(at, last, value)
  const result = parseChainFile(JSON.stringify(document))
  return result.ok ? undefined : result.error
}

function child(json: Json, key: string): Json {
  const value: unknown = typeof json === 'object' && json !== null ? Reflect.get(json, key) : undefined
  if (typeof value !== 'object' || value === null) throw new TypeError(key)
  return value as Json
}

describe('a chain file', () => {
  it.each(Object.values(networks))('can say all that is built in: $name', (network) => {
    expect(parsed(formatChainFile(network))).toEqual(network)
  })

  it('defines a network that nodes with easier targets are on', () => {
    const network = parsed(read('examples/eased-mainnet.chain.json'))
    const [genesis] = loadEasedBlocks().blocks
    if (mainnet.chain.difficulty.kind !== 'schedule') throw new TypeError('mainnet has a schedule')
    expect(network).toEqual({
      ...mainnet,
      name: 'eased-mainnet',
      dataDirName: '.dilithion-eased',
      genesisHash: hashFromHex(genesis?.hash ?? ''),
      sharesPrivateAddresses: true,
      dnsSeeds: [],
      fixedSeeds: [],
      choosesPeers: false,
      chain: {
        ...mainnet.chain,
        genesis: {
          ...mainnet.chain.genesis,
          header: fromHex(genesis?.payloadHex.slice(0, 160) ?? ''),
          hash: hashFromHex(genesis?.hash ?? ''),
        },
        difficulty: { ...mainnet.chain.difficulty, maxBits: 0x207f_ffff },
        trustedHeight: 0,
        checkpoints: [],
        fairMiningFromHeight: undefined,
      },
    })
  })

  it('may leave out what there need not be', () => {
    const optional = ['sharesPrivateAddresses', 'dnsSeeds', 'fixedSeeds', 'choosesPeers', 'allowsMockTime']
    const ofChain = ['trustedHeight', 'checkpoints', 'minimumWork', 'coinbaseTax', 'fairMiningFromHeight']
    for (const name of [...optional, ...ofChain.map((field) => `chain.${field}`)]) {
      expect(complaint(name, undefined, regtest)).toBeUndefined()
    }
    const { about: _, ...document } = { about: 'x', ...JSON.parse(formatChainFile(regtest)) }
    for (const name of optional) delete document[name]
    for (const name of ofChain) delete document.chain[name]
    expect(parsed(JSON.stringify(document))).toEqual({
      ...regtest,
      sharesPrivateAddresses: false,
      allowsMockTime: false,
    })
  })

  it('must say all else, and is told what belongs there', () => {
    const optional = new Set([
      ...['sharesPrivateAddresses', 'dnsSeeds', 'fixedSeeds', 'choosesPeers', 'allowsMockTime'],
      ...[
        'plainHeaders',
        'trustedHeight',
        'checkpoints',
        'minimumWork',
        'coinbaseTax',
        'fairMiningFromHeight',
      ],
    ])
    const { genesisHash: _, ...own } = mainnet
    const names = [...Object.keys(own), ...Object.keys(mainnet.chain).map((name) => `chain.${name}`)]
    const required = names.filter((name) => !optional.has(name.replace('chain.', '')))
    expect(required.length).toBeGreaterThan(20)
    for (const name of required) {
      expect(complaint(name, undefined)).toMatch(new RegExp(`^${name} is missing: expected .`))
    }
  })

  it('is documented, field by field', () => {
    const names = new Set<string>()
    const collect = (value: Json): void => {
      if (typeof value !== 'object' || value === null) return
      for (const [name, inner] of Object.entries(value)) {
        if (!Array.isArray(value)) names.add(name)
        collect(inner)
      }
    }
    for (const network of [mainnet, testnet, regtest]) collect(JSON.parse(formatChainFile(network)))
    const text = read('docs/CHAIN-FILE.md')
    expect([...names].filter((name) => !text.includes(`\`${name}\``))).toEqual([])
  })

  it.each<[string, Json | undefined, string]>([
    [
      'name',
      'Main Net',
      'name: expected a name of at most 32 small letters, digits and dashes, got "Main Net"',
    ],
    ['magic', 5, 'magic: expected text such as "0xd1714102", got 5'],
    ['magic', '0x12345', 'magic: expected text such as "0xd1714102", got "0x12345"'],
    ['defaultPort', 0, 'defaultPort: expected a whole number from 1 to 65535, got 0'],
    ['defaultPort', 8444.5, 'defaultPort: expected a whole number from 1 to 65535, got 8444.5'],
    [
      'dataDirName',
      '..',
      'dataDirName: expected the name of a folder, such as ".dilithion-private", got ".."',
    ],
    [
      'dataDirName',
      'a/b',
      'dataDirName: expected the name of a folder, such as ".dilithion-private", got "a/b"',
    ],
    [
      'dataDirName',
      '.dilithion-testnet',
      'dataDirName: expected another name than that of testnet, whose files lie in .dilithion-testnet',
    ],
    ['dialect', 'v2', 'dialect: expected "v1" or "current", got "v2"'],
    ['minPeerVersion', 70012, 'minPeerVersion: expected at most the protocolVersion, 70011'],
    ['dnsSeeds', [''], 'dnsSeeds[0]: expected a host name, got ""'],
    ['fixedSeeds', ['1.2.3.4', 'x'], 'fixedSeeds[1]: expected an IP address, got "x"'],
    ['fixedSeed', [], 'fixedSeed: chain files have no such field'],
    ['chain.subsidy', 50, 'chain.subsidy: chain files have no such field'],
    ['chain', [], 'chain: expected an object, got []'],
    [
      'chain.proofOfWork',
      { kind: 'scrypt' },
      'chain.proofOfWork.kind: expected randomx or sha3, got "scrypt"',
    ],
    ['chain.proofOfWork.kind', undefined, 'chain.proofOfWork.kind is missing: expected randomx or sha3'],
    [
      'chain.proofOfWork.key',
      'ü',
      'chain.proofOfWork.key: expected the key, 1 to 60 printable ASCII characters, got "?"',
    ],
    [
      'chain.genesis.hash',
      '12',
      'chain.genesis.hash: expected 64 hex digits, as people read a hash, got "12"',
    ],
    [
      'chain.genesis.header',
      `04${'00'.repeat(79)}`,
      'chain.genesis.header: expected a version that has 80 bytes, got 4',
    ],
    [
      'chain.genesis.header',
      `01${'00'.repeat(3)}01${'00'.repeat(75)}`,
      'chain.genesis.header: expected no block before it',
    ],
    [
      'chain.genesis.transactionData',
      '00',
      'chain.genesis.transactionData: expected the transactions of a block (bad-blk-encoding)',
    ],
    ['chain.difficulty.kind', 'slow', 'chain.difficulty.kind: expected schedule, fixed or range, got "slow"'],
    ['chain.difficulty.maxBits', '0x1d00fffe', 'chain.difficulty.minBits: expected at most maxBits'],
    [
      'chain.difficulty.periods.2.factor',
      undefined,
      'chain.difficulty.periods[2].factor is missing: expected a whole number from 1 to 1000',
    ],
    [
      'chain.difficulty.periods.2.fromHeight',
      7_034,
      'chain.difficulty.periods[2]: expected a greater height than in the entry before',
    ],
    [
      'chain.difficulty.asert.1.anchorHeight',
      24_500,
      'chain.difficulty.asert[1].anchorHeight: expected a height below fromHeight',
    ],
    [
      'chain.checkpoints.3.height',
      5_000,
      'chain.checkpoints[3]: expected a greater height than in the entry before',
    ],
    [
      'chain.trustedHeight',
      44_001,
      'chain.trustedHeight: expected at most 44000, the height of the last checkpoint, which vouches for it',
    ],
    ['chain.minimumWork', '12', 'chain.minimumWork: expected text such as "0x800080008000", got "12"'],
    [
      'chain.futureLimits.1.fromHeight',
      0,
      'chain.futureLimits[1]: expected a greater height than in the entry before',
    ],
    [
      'chain.coinbaseTax.shares.0.percentOfTax',
      49,
      'chain.coinbaseTax.shares: expected 100 percentOfTax in all, got 99',
    ],
    [
      'chain.coinbaseTax.shares.0.hash160',
      'e27c4c3fd64a06c96a1185a3ccc20cc69693a1d5',
      'chain.coinbaseTax.shares: expected each hash160 once',
    ],
  ])('with another %s', (path, value, text) => {
    expect(complaint(path, value)).toBe(text)
  })

  it('says what its genesis block is, where that can be computed', () => {
    const hash = '3cd528f674b236a3db9a27235471c0f1624b39e344d54c4f5c2fc3f66e2997ed'
    expect(complaint('chain.genesis.hash', hash.replace('3c', '3d'), regtest)).toBe(
      `chain.genesis.hash: expected ${hash}, the SHA3-256 of the header`,
    )
    const other = formatChainFile(mainnet).match(/"transactionData": "(\w+)"/)?.[1] ?? ''
    expect(complaint('chain.genesis.transactionData', other, regtest)).toMatch(
      /^chain\.genesis\.transactionData: expected the transactions of merkle root e3f29d/,
    )
    // Any bytes will do where blocks carry any bytes.
    expect(complaint('chain.genesis.transactionData', '00', testnet)).toBeUndefined()
    expect(complaint('chain.maxTransactionDataBytes', 33_554_347, testnet)).toBeUndefined()
    expect(complaint('chain.maxTransactionDataBytes', 33_554_348, testnet)).toMatch(
      /^chain.maxTransaction.*: expected/,
    )
    expect(complaint('chain.maxTransactionDataBytes', 4_194_305)).toBe(
      'chain.maxTransactionDataBytes: expected at most 4194304, but where the body is opaque',
    )
  })

  it.each([
    ['', /^expected JSON: /],
    ['{"name": "x",}', /^expected JSON: /],
    ['[]', /^the whole: expected an object, got \[\]$/],
    ['null', /^the whole: expected an object, got null$/],
    ['{"__proto__": 1}', /^name is missing: /],
  ])('is not %j', (text, pattern) => {
    const result = parseChainFile(text)
    expect(result.ok ? '' : result.error).toMatch(pattern)
  })
})
