import { describe, expect, it } from 'vitest'
import {
  checkCoinbase,
  coinbaseOutputs,
  coinbaseScriptSig,
  coinbaseText,
  subsidy,
  taxShares,
} from '../../src/chain/coinbase-rules.ts'
import {
  checkTransaction,
  isCoinbase,
  isFinal,
  isFinalInBlock,
  MAX_MONEY,
  relativeLockFault,
} from '../../src/chain/transaction-rules.ts'
import { mainnet, regtest, testnet } from '../../src/params/networks.ts'
import { latin1Decode, toHex } from '../../src/primitives/bytes.ts'
import type { Transaction, TransactionOutput } from '../../src/wire/transaction.ts'
import { ANY_SCRIPT, coinbase, input, output, transaction } from '../../testkit/bodies.ts'

const DATA_SCRIPT = Uint8Array.of(0x6a, 1, 2)
const NULL_INPUT = { previousHash: new Uint8Array(32), previousIndex: 0xffff_ffff }
const many = <T>(n: number, make: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => make(i))
const paying = (...values: number[]): Transaction =>
  transaction({ outputs: values.map((value) => output({ value: BigInt(value) })) })
const carrying = (value: bigint): Transaction =>
  transaction({ outputs: [output({ value, scriptPubKey: DATA_SCRIPT })] })
const minting = (fields: Partial<Transaction> & { script?: number }): Transaction =>
  transaction({
    inputs: [input({ ...NULL_INPUT, scriptSig: new Uint8Array(fields.script ?? 10) })],
    ...fields,
  })

describe('a transaction', () => {
  it.each<[string, Transaction, string | undefined]>([
    ['of version 0', transaction({ version: 0 }), 'bad-txns-version'],
    ['of version 255', transaction({ version: 255 }), undefined],
    ['of version 256', transaction({ version: 256 }), 'bad-txns-version'],
    ['of a negative version', transaction({ version: -1 }), undefined],
    ['without inputs', transaction({ inputs: [] }), 'bad-txns-vin-empty'],
    ['without outputs', transaction({ outputs: [] }), 'bad-txns-vout-empty'],
    [
      'of 10,000 inputs',
      transaction({ inputs: many(10_000, (i) => input({ previousIndex: i })) }),
      undefined,
    ],
    [
      'of 10,001',
      transaction({ inputs: many(10_001, (i) => input({ previousIndex: i })) }),
      'bad-txns-vin-toomany',
    ],
    ['of 10,000 outputs', transaction({ outputs: many(10_000, () => output()) }), undefined],
    ['of 10,001', transaction({ outputs: many(10_001, () => output()) }), 'bad-txns-vout-toomany'],
    ['that spends nothing', transaction({ inputs: [input(NULL_INPUT)] }), 'bad-txns-prevout-null'],
    [
      'that spends something and nothing',
      transaction({ inputs: [input(), input(NULL_INPUT)] }),
      'bad-txns-prevout-null',
    ],
    ['that spends twice', transaction({ inputs: [input(), input()] }), 'bad-txns-inputs-duplicate'],
    ['that spends two of one', transaction({ inputs: [input(), input({ previousIndex: 1 })] }), undefined],
    [
      'with a long scriptSig',
      transaction({ inputs: [input({ scriptSig: new Uint8Array(20_001) })] }),
      'bad-txns-vin-script',
    ],
    ['of 49,999 ions', paying(49_999), 'bad-txns-vout-toosmall'],
    ['of 50,000 ions', paying(50_000), undefined],
    ['of all coins', paying(MAX_MONEY), undefined],
    ['of one ion more', paying(MAX_MONEY + 1), 'bad-txns-vout-toolarge'],
    ['of all coins in two', paying(MAX_MONEY - 50_000, 50_000), undefined],
    ['of more in two', paying(MAX_MONEY - 50_000, 50_001), 'bad-txns-txouttotal-toolarge'],
    ['that carries data', carrying(0n), undefined],
    ['that burns all coins', carrying(BigInt(MAX_MONEY)), undefined],
    ['that burns more', carrying(2n ** 64n - 1n), 'bad-txns-vout-toolarge'],
    [
      'that pays to another script',
      transaction({ outputs: [output({ scriptPubKey: Uint8Array.of(0x51) })] }),
      'bad-txns-vout-script',
    ],
    [
      'that pays to nothing',
      transaction({ outputs: [output({ scriptPubKey: new Uint8Array(0) })] }),
      'bad-txns-vout-script',
    ],
    [
      'with much data',
      transaction({ outputs: [output({ scriptPubKey: new Uint8Array(10_001).fill(0x6a) })] }),
      'bad-txns-vout-script',
    ],
  ])('%s %#', (_, made, code) => {
    expect(checkTransaction(made, 100, false)?.code).toBe(code)
  })

  it('has at most a million bytes', () => {
    expect(checkTransaction(transaction(), 1_000_000, false)).toBeUndefined()
    expect(checkTransaction(transaction(), 1_000_001, false)?.code).toBe('bad-txns-oversize')
  })
})

describe('a coinbase', () => {
  it('is what spends nothing, and only that', () => {
    expect(isCoinbase(minting({}))).toBe(true)
    expect(isCoinbase(transaction())).toBe(false)
    expect(isCoinbase(transaction({ inputs: [input(NULL_INPUT), input()] }))).toBe(false)
    expect(isCoinbase(transaction({ inputs: [] }))).toBe(false)
    expect(isCoinbase(transaction({ inputs: [input({ previousIndex: 0xffff_ffff })] }))).toBe(false)
  })

  it.each<[string, Transaction, string | undefined]>([
    ['with a short script', minting({ script: 1 }), 'bad-cb-length'],
    ['with the shortest', minting({ script: 2 }), undefined],
    ['with the longest', minting({ script: 20_000 }), undefined],
    ['with a longer one', minting({ script: 20_001 }), 'bad-cb-length'],
    [
      'that pays little, to any script',
      minting({ outputs: [output({ value: 0n, scriptPubKey: DATA_SCRIPT.slice(1) })] }),
      undefined,
    ],
    [
      'that pays too much',
      minting({ outputs: [output({ value: BigInt(MAX_MONEY) + 1n })] }),
      'bad-txns-vout-toolarge',
    ],
    ['that spends something', transaction(), 'bad-cb-missing'],
  ])('%s', (_, made, code) => {
    expect(checkTransaction(made, 100, true)?.code).toBe(code)
  })

  it('creates half as much after every interval', () => {
    const at = (height: number): number => subsidy(mainnet.chain, height)
    expect([0, 1, 209_999, 210_000, 420_000].map(at)).toEqual([5e9, 5e9, 5e9, 25e8, 125e7])
    // Whole ions, rounded down.
    expect(at(210_000 * 10)).toBe(4_882_812)
    expect([32, 33, 63, 64, 1_000].map((n) => at(210_000 * n))).toEqual([1, 0, 0, 0, 0])
    expect([149, 150].map((height) => subsidy(regtest.chain, height))).toEqual([5e9, 25e8])
  })

  it('never creates more than all coins', () => {
    let total = 0
    for (let n = 0; n < 64; n++) total += 210_000 * subsidy(mainnet.chain, 210_000 * n)
    expect(total).toBeLessThan(MAX_MONEY)
    expect(total).toBeGreaterThan(MAX_MONEY - 100 * 210_000)
  })

  it('writes its height as miners do', () => {
    const pushes = [1, 16, 17, 127, 128, 32_767, 32_768, 44_001].map((height) => {
      const script = coinbaseScriptSig(height)
      const text = `Block ${height} mined by Dilithion`
      expect(latin1Decode(script)).toContain(text)
      return toHex(script.subarray(0, script.length - text.length))
    })
    expect(pushes).toEqual(['51', '60', '0111', '017f', '028000', '02ff7f', '03008000', '03e1ab00'])
    expect(latin1Decode(coinbaseText(7))).toBe('Block 7 mined by Dilithion')
    expect(() => coinbaseScriptSig(2 ** 24)).toThrow(RangeError)
  })
})

describe('the coinbase of mainnet', () => {
  const params = { ...mainnet.chain, trustedHeight: 0 }
  const [miner, dev, reward] = coinbaseOutputs(params, 1, ANY_SCRIPT, 0)
  if (miner === undefined || dev === undefined || reward === undefined) throw new TypeError('three outputs')
  const worth = (of: TransactionOutput, value: number): TransactionOutput => ({ ...of, value: BigInt(value) })
  const check = (outputs: TransactionOutput[], fees = 0, height = 1): string | undefined =>
    checkCoinbase(params, height, minting({ outputs }), fees)?.code

  it('pays what miners pay', () => {
    expect([miner.value, dev.value, reward.value]).toEqual([4_900_000_000n, 50_000_000n, 50_000_000n])
    expect(toHex(dev.scriptPubKey)).toBe('76a91496859a6f0bf280b95e36bbe6af01025f9ed45fce88ac')
    expect(toHex(reward.scriptPubKey)).toBe('76a914e27c4c3fd64a06c96a1185a3ccc20cc69693a1d588ac')
    expect(coinbaseOutputs(params, 1, ANY_SCRIPT, 123)[0]?.value).toBe(4_900_000_123n)
    expect(coinbaseOutputs(regtest.chain, 1, ANY_SCRIPT, 5)).toEqual([
      { value: 5_000_000_005n, scriptPubKey: ANY_SCRIPT },
    ])
  })

  it.each<[string, TransactionOutput[], string | undefined]>([
    ['as it should be', [miner, dev, reward], undefined],
    ['in another order', [reward, miner, dev], undefined],
    ['with more to the payees', [worth(miner, 0), worth(dev, 9e8), worth(reward, 9e8)], undefined],
    ['with more than there is', [worth(miner, 4_900_000_001), dev, reward], 'bad-cb-amount'],
    ['with two outputs', [dev, reward], 'bad-cb-outputs'],
    ['without the fund', [miner, miner, reward].map((o) => worth(o, 5e7)), 'bad-cb-tax'],
    ['without the reward', [worth(miner, 0), dev, worth(miner, 0)], 'bad-cb-tax'],
    ['with a fund too small', [miner, worth(dev, 49_999_999), reward], 'bad-cb-tax'],
    ['with a reward too small', [miner, dev, worth(reward, 49_999_999)], 'bad-cb-tax'],
    ['with one payment enough and one not', [worth(miner, 0), dev, reward, worth(dev, 1)], 'bad-cb-tax'],
    ['with two payments enough', [worth(miner, 0), dev, reward, dev], undefined],
  ])('%s', (_, outputs, code) => {
    expect(check(outputs)).toBe(code)
  })

  it('may take the fees', () => {
    expect(check([worth(miner, 4_900_000_007), dev, reward], 7)).toBeUndefined()
    expect(check([worth(miner, 4_900_000_008), dev, reward], 7)).toBe('bad-cb-amount')
  })

  it('divides what is left when the subsidy halves, to the last ion', () => {
    const at = (height: number): number[] => taxShares(params, height).map(({ value }) => value)
    expect(at(210_000)).toEqual([25_000_000, 25_000_000])
    // 50 DIL / 2^20 = 4768 ions, 2 % are 95.
    expect(at(210_000 * 20)).toEqual([47, 48])
    expect(at(210_000 * 64)).toEqual([0, 0])
    for (const height of [1, 210_000, 210_000 * 20, 210_000 * 64]) {
      const outputs = coinbaseOutputs(params, height, ANY_SCRIPT, 11)
      expect(check(outputs, 11, height)).toBeUndefined()
      expect(check(outputs, 10, height)).toBe('bad-cb-amount')
    }
  })

  it('is divided to the last ion however large it is', () => {
    const shares = [33, 67].map((percentOfTax) => ({
      hash160: new Uint8Array(20).fill(percentOfTax),
      percentOfTax,
    }))
    const coinbaseTax = { percentOfSubsidy: 99, minOutputs: 3, shares }
    const large = { ...params, initialSubsidy: MAX_MONEY - 99, coinbaseTax }
    // 2,099,999,999,999,901 · 99 / 100 is 2,078,999,999,999,901.99, of which 33 % are 686,069,999,999,967.33.
    expect(taxShares(large, 1).map(({ value }) => value)).toEqual([
      686_069_999_999_967, 1_392_929_999_999_934,
    ])
  })

  it('is not judged where checkpoints vouch, nor in genesis, nor where blocks carry any bytes', () => {
    const greedy = minting({ outputs: [output({ value: BigInt(MAX_MONEY) })] })
    expect(checkCoinbase(mainnet.chain, 44_000, greedy, 0)).toBeUndefined()
    expect(checkCoinbase(mainnet.chain, 44_001, greedy, 0)?.code).toBe('bad-cb-amount')
    expect(checkCoinbase(params, 0, greedy, 0)).toBeUndefined()
    expect(checkCoinbase(testnet.chain, 1, greedy, 0)).toBeUndefined()
  })

  it('is made right by the tests of other rules', () => {
    expect(check([...coinbase(params, 9, 3).outputs], 3, 9)).toBeUndefined()
  })
})

describe('a lock time', () => {
  const locked = (lockTime: number, sequence = 0): Transaction =>
    transaction({ inputs: [input({ sequence })], lockTime })

  it.each<[string, Transaction, number, number, boolean]>([
    ['none', locked(0), 0, 0, true],
    ['a height to come', locked(101), 100, 2e9, false],
    ['the height at hand', locked(100), 100, 0, true],
    ['the highest height', locked(499_999_999), 100, 2e9, false],
    ['a time to come', locked(500_000_001), 600_000_000, 500_000_000, false],
    ['the time at hand', locked(500_000_000), 0, 500_000_000, true],
    ['one that no input obeys', locked(101, 0xffff_ffff), 100, 0, true],
  ])('%s', (_, made, height, time, final) => {
    expect(isFinal(made, height, time)).toBe(final)
  })

  it('counts if any input obeys it', () => {
    const inputs = [input(), input({ previousIndex: 1, sequence: 0xffff_fffe })]
    expect(isFinal(transaction({ inputs, lockTime: 101 }), 100, 0)).toBe(false)
  })

  it('may be ten minutes ahead of the block', () => {
    expect(isFinalInBlock(locked(1_700_000_600), 1, 1_700_000_000)).toBe(true)
    expect(isFinalInBlock(locked(1_700_000_601), 1, 1_700_000_000)).toBe(false)
  })
})

describe('a relative lock', () => {
  const locked = (sequence: number, version = 2): Transaction =>
    transaction({
      version,
      inputs: [input({ sequence: 0xffff_ffff }), input({ previousIndex: 1, sequence })],
    })
  const codeOf = (made: Transaction, height: number): string | undefined =>
    relativeLockFault(made, height, (i) => (i === 1 ? 100 : height))?.code

  it('waits for blocks behind the output', () => {
    expect(codeOf(locked(10), 109)).toBe('non-BIP68-final')
    expect(codeOf(locked(10), 110)).toBeUndefined()
    expect(codeOf(locked(0x000f_ffff), 100 + 0xfffe)).toBe('non-BIP68-final')
    expect(codeOf(locked(0x000f_ffff), 100 + 0xffff)).toBeUndefined()
  })

  it('is none in old versions, when switched off, and when it counts time', () => {
    expect(codeOf(locked(10, 1), 100)).toBeUndefined()
    expect(codeOf(locked(10, -2), 100)).toBeUndefined()
    expect(codeOf(locked(0x8000_000a), 100)).toBeUndefined()
    expect(codeOf(locked(0x0040_000a), 100)).toBeUndefined()
  })
})
