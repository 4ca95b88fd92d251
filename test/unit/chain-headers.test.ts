import { describe, expect, it } from 'vitest'
import { workOfBits } from '../../src/chain/compact-bits.ts'
import { bitsFault } from '../../src/chain/difficulty.ts'
import {
  checkHeader,
  checkpointAt,
  checkpointFault,
  lastCheckpointHeight,
  medianTimePast,
} from '../../src/chain/header-rules.ts'
import { HeaderTree } from '../../src/chain/header-tree.ts'
import type { ChainParams } from '../../src/params/chain-params.ts'
import { mainnet, regtest, testnet } from '../../src/params/networks.ts'
import { sha3_256 } from '../../src/primitives/sha3.ts'
import { BlockHeader, type HeaderFields } from '../../src/wire/header.ts'
import { decodePayload } from '../../src/wire/messages.ts'
import { chainOf, Point } from '../../testkit/chain-points.ts'
import { hex, loadEasedBlocks } from '../../testkit/vectors.ts'

const START = 1_700_000_000
const NOW = START + 1_000_000

function header(fields: Partial<HeaderFields> = {}): BlockHeader {
  return BlockHeader.of({
    version: 1,
    previousHash: new Uint8Array(32),
    merkleRoot: new Uint8Array(32),
    time: NOW,
    bits: 0x207f_ffff,
    nonce: 0,
    ...fields,
  })
}

/** "ok", "future" or the code of a fault. */
function judge(params: ChainParams, fields: Partial<HeaderFields>, parent = chainOf(20), now = NOW): string {
  const verdict = checkHeader(params, header(fields), parent, now)
  return typeof verdict === 'object' ? verdict.code : (verdict ?? 'ok')
}

const VDF = { output: new Uint8Array(32), proofHash: new Uint8Array(32) }

describe('a header', () => {
  const { chain } = regtest

  it.each([
    [1, 'ok'],
    [3, 'ok'],
    [0, 'bad-version'],
    [-1, 'bad-version'],
    [-0x8000_0000, 'bad-version'],
  ])('of version %i: %s', (version, verdict) => {
    expect(judge(chain, { version })).toBe(verdict)
  })

  it.each([mainnet, testnet, regtest])('of version 4 is nowhere valid: $name', (network) => {
    expect(judge(network.chain, { version: 4, vdf: VDF, bits: 0x1f06_0000 })).toBe('bad-version')
  })

  it('of any version is valid where all have 80 bytes, and nowhere else', () => {
    const bytes = header({ version: 1, bits: 0x1f06_0000 }).bytes.slice()
    for (const version of [4, 0x7fff_ffff]) {
      new DataView(bytes.buffer).setInt32(0, version, true)
      const verdicts = [testnet, mainnet, regtest].map((network) =>
        checkHeader(network.chain, new BlockHeader(bytes), chainOf(20), NOW),
      )
      expect(verdicts).toEqual([
        undefined,
        expect.objectContaining({ code: 'bad-version' }),
        expect.objectContaining({ code: 'bad-version' }),
      ])
    }
  })

  it('has the target that its chain asks for', () => {
    expect(judge(chain, { bits: 0x207f_fffe })).toBe('bad-diffbits')
    expect(judge(chain, { bits: 0 })).toBe('bad-diffbits')
  })

  it('is later than the median of eleven', () => {
    const parent = chainOf(20, { time: START })
    const median = medianTimePast(parent)
    expect(median).toBe(START + 14 * 240)
    expect(judge(chain, { time: median }, parent)).toBe('time-too-old')
    expect(judge(chain, { time: median + 1 }, parent)).toBe('ok')
  })

  it.each([
    [1, START],
    [2, START + 240],
    [3, START + 240],
    [4, START + 480],
    [11, START + 5 * 240],
    [12, START + 6 * 240],
  ])('behind %i blocks compares with the middle, the later of two', (length, median) => {
    expect(medianTimePast(chainOf(length, { time: START }))).toBe(median)
  })

  it('sorts times before it takes the middle', () => {
    const parent = [50, 10, 40, 20, 30].reduce<Point | undefined>((at, t) => new Point(at, t, 0), undefined)
    expect(parent === undefined ? 0 : medianTimePast(parent)).toBe(30)
  })

  it('may be ten minutes ahead of our clock, and waits if it is more', () => {
    expect(judge(chain, { time: NOW + 600 })).toBe('ok')
    expect(judge(chain, { time: NOW + 601 })).toBe('future')
    // What is wrong for ever is said first.
    expect(judge(chain, { time: NOW + 601, bits: 1 })).toBe('bad-diffbits')
  })

  it.each([
    [24_498, 7_200],
    [24_499, 600],
  ])('on mainnet, behind block %i, may be %i s ahead', (height, seconds) => {
    const parent = new Point(undefined, START, 0x1e01_fffe, height)
    const bits = 0x1e01_fffe
    expect(judge(mainnet.chain, { bits, time: NOW + seconds }, parent)).toBe('ok')
    expect(judge(mainnet.chain, { bits, time: NOW + seconds + 1 }, parent)).toBe('future')
  })

  it('is not judged by target and time where mainnet trusts its checkpoints', () => {
    const { chain: main } = mainnet
    const trusted = chainOf(12, { from: 43_988, time: START })
    expect(trusted.height).toBe(43_999)
    expect(judge(main, { bits: 0x2000_0001, time: 0 }, trusted)).toBe('ok')
    expect(judge(main, { bits: 0, time: START }, trusted)).toBe('bad-diffbits')
    // Behind block 44,000 all counts.
    const anchor = new Point(undefined, START, 0x1d34_ab12, 24_499)
    const last = new Point(anchor, START + 240 * 19_501, 0x1d34_ab12, 44_000)
    const bits = 0x1d34_6a92
    expect(judge(main, { bits, time: last.time + 1 }, last, last.time)).toBe('ok')
    expect(judge(main, { bits: bits + 1, time: last.time + 1 }, last, last.time)).toBe('bad-diffbits')
    expect(judge(main, { bits, time: START }, last, last.time)).toBe('time-too-old')
  })

  it('on the v1.0 testnet is judged by the range of its target alone', () => {
    const fields = { version: -7, time: 0, bits: 0x1d00_ffff }
    expect(judge(testnet.chain, fields)).toBe('ok')
    expect(judge(testnet.chain, { ...fields, time: 0xffff_ffff })).toBe('ok')
    expect(judge(testnet.chain, { ...fields, bits: 0x1d00_fffe })).toBe('bad-diffbits')
  })
})

describe('checkpoints', () => {
  it('name one block of their height', () => {
    const { chain } = mainnet
    expect(lastCheckpointHeight(chain)).toBe(44_000)
    expect(lastCheckpointHeight(regtest.chain)).toBe(0)
    const hash = checkpointAt(chain, 24_476)?.hash ?? new Uint8Array(0)
    expect(checkpointFault(chain, 24_476, hash)).toBeUndefined()
    expect(checkpointFault(chain, 24_477, hash)).toBeUndefined()
    expect(checkpointFault(chain, 30_000, hash)?.code).toBe('checkpoint-mismatch')
  })
})

describe('headers of another node', () => {
  it('stand in a tree and have the targets that the schedule asks for', () => {
    const { chain } = mainnet
    const headers = loadEasedBlocks().blocks.map(({ payloadHex }) => {
      const message = decodePayload('block', hex(payloadHex))
      if (!message.ok) throw new TypeError('not a block')
      return message.value.block.header
    })
    const [genesis, ...others] = headers
    if (genesis === undefined || chain.difficulty.kind !== 'schedule') throw new TypeError('no genesis')
    const rule = { ...chain.difficulty, maxBits: 0x207f_ffff }
    const tree = new HeaderTree(sha3_256(genesis.bytes), genesis.bytes, workOfBits(genesis.bits))
    let parent = tree.genesis
    for (const next of others.slice(0, 8)) {
      expect(bitsFault(rule, parent, next.bits, next.time)).toBe(false)
      expect(bitsFault(rule, parent, next.bits + 1, next.time)).toBe(true)
      expect(
        checkHeader({ ...chain, difficulty: rule, trustedHeight: 0 }, next, parent, next.time),
      ).toBeUndefined()
      parent = tree.add(sha3_256(next.bytes), next.bytes, parent, 0n)
    }
    expect(parent.height).toBe(8)
  })
})
