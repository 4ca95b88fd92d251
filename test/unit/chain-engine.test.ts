import { describe, expect, it } from 'vitest'
import { coinKey } from '../../src/chain/coin.ts'
import { NodeFlag } from '../../src/chain/header-node.ts'
import { NODE_STOPS } from '../../src/chain/maintenance.ts'
import { encodeUndo, undoKey } from '../../src/chain/undo.ts'
import type { ChainParams } from '../../src/params/chain-params.ts'
import { MAX_STAGING_SOURCES } from '../../src/params/limits.ts'
import { regtest } from '../../src/params/networks.ts'
import { peerId } from '../../src/primitives/brand.ts'
import { hashToHex } from '../../src/primitives/bytes.ts'
import { HeaderList } from '../../src/wire/header.ts'
import { txidOf } from '../../src/wire/transaction.ts'
import { BenchDisk, ChainBench } from '../../testkit/chain-bench.ts'
import { type BuiltBlock, ChainBuilder, spend } from '../../testkit/chain-builder.ts'

const params: ChainParams = { ...regtest.chain, coinbaseMaturityBlocks: 2 }
const builder = new ChainBuilder(params)
const peer = peerId(7)

function submit(bench: ChainBench, blocks: readonly BuiltBlock[]): ChainBench {
  for (const { block, stored } of blocks) bench.engine.submitBlock(peer, block, stored)
  return bench.settle()
}

function headersOf(blocks: readonly BuiltBlock[]): HeaderList {
  return HeaderList.of(blocks.map(({ header }) => header))
}

function tipOf(bench: ChainBench): string {
  return hashToHex(bench.engine.tip.hash)
}

function endOf(blocks: readonly BuiltBlock[]): string {
  return hashToHex(blocks.at(-1)?.hash ?? builder.genesis.hash)
}

describe('headers', () => {
  it('are taken, and lead without blocks', () => {
    const blocks = builder.chain(builder.genesis, 5)
    const bench = new ChainBench({ params })
    bench.engine.submitHeaders(peer, headersOf(blocks))
    bench.settle()
    expect(bench.of('headers')).toMatchObject([{ source: peer, count: 5, verdict: 'accepted', added: 5 }])
    expect(hashToHex(bench.engine.bestHeader.hash)).toBe(endOf(blocks))
    expect(bench.engine.tip.height).toBe(0)
  })

  it('without a known parent are told apart', () => {
    const blocks = builder.chain(builder.genesis, 5)
    const bench = new ChainBench({ params })
    bench.engine.submitHeaders(peer, headersOf(blocks.slice(2)))
    expect(bench.of('headers')).toMatchObject([{ verdict: 'unconnected', added: 0 }])
  })

  it('that do not follow each other are invalid', () => {
    const [a, , c] = builder.chain(builder.genesis, 3)
    const bench = new ChainBench({ params })
    bench.engine.submitHeaders(peer, headersOf([a, c].flatMap((block) => block ?? [])))
    bench.settle()
    expect(bench.of('headers')[0]?.verdict).toBe('invalid')
  })

  it('without work are invalid', () => {
    const bad = builder.next(builder.genesis, { withoutWork: true })
    const bench = new ChainBench({ params })
    bench.engine.submitHeaders(peer, headersOf([bad]))
    bench.settle()
    expect(bench.of('headers')).toMatchObject([{ verdict: 'invalid', fault: { code: 'high-hash' } }])
    expect(bench.engine.tree.size).toBe(1)
  })

  it('too far ahead of the clock may come again later', () => {
    const bench = new ChainBench({ params })
    const late = builder.next(builder.genesis, { time: bench.now.unix + 7_300 })
    bench.engine.submitHeaders(peer, headersOf([late]))
    bench.settle()
    expect(bench.of('headers')[0]?.verdict).toBe('future')
    bench.now = { ...bench.now, unix: late.header.time as typeof bench.now.unix }
    bench.engine.submitHeaders(peer, headersOf([late]))
    bench.settle()
    expect(bench.of('headers')[1]?.verdict).toBe('accepted')
  })

  it('of one source wait for each other, and not for ever', () => {
    const blocks = builder.chain(builder.genesis, 700)
    const bench = new ChainBench({ params })
    for (let i = 0; i < 4; i++) bench.engine.submitHeaders(peer, headersOf(blocks))
    bench.settle()
    expect(bench.of('headers').map(({ verdict }) => verdict)).toEqual([
      'busy',
      'accepted',
      'accepted',
      'accepted',
    ])
  })

  it('of little work are kept aside until they show enough', () => {
    const blocks = builder.chain(builder.genesis, 6)
    const work = new ChainBench({ params }).engine.tree.genesis.work
    const strict = { ...params, minimumWork: work * 6n }
    const bench = new ChainBench({ params: strict })
    bench.engine.submitHeaders(peer, headersOf(blocks.slice(0, 3)))
    bench.settle()
    expect(bench.of('headers')).toMatchObject([{ verdict: 'staged', added: 0, staged: { height: 3 } }])
    expect(bench.engine.tree.size).toBe(1)
    bench.engine.submitHeaders(peer, headersOf(blocks.slice(3)))
    bench.settle()
    expect(bench.of('headers')[1]).toMatchObject({ verdict: 'accepted', added: 6 })
    expect(bench.engine.tree.size).toBe(7)
  })

  it('kept aside by many do not keep others from being heard', () => {
    const work = new ChainBench({ params }).engine.tree.genesis.work
    const bench = new ChainBench({ params: { ...params, minimumWork: work * 7n } })
    const honest = builder.chain(builder.genesis, 6)
    bench.engine.submitHeaders(peer, headersOf(honest.slice(0, 2)))
    bench.settle()
    for (let id = 100; id < 100 + MAX_STAGING_SOURCES - 1; id++)
      bench.engine.submitHeaders(peerId(id), headersOf([builder.next(builder.genesis, { salt: id })]))
    bench.settle()
    bench.engine.submitHeaders(peer, headersOf(honest.slice(2, 4)))
    bench.settle()
    for (let id = 200; id < 200 + MAX_STAGING_SOURCES - 1; id++)
      bench.engine.submitHeaders(peerId(id), headersOf([builder.next(builder.genesis, { salt: id })]))
    bench.settle()
    expect(bench.of('headers').map(({ verdict }) => verdict)).not.toContain('busy')
    expect(bench.engine.stagedHeaders).toBe(4 + MAX_STAGING_SOURCES - 1)
    bench.engine.submitHeaders(peer, headersOf(honest.slice(4)))
    bench.settle()
    expect(bench.engine.bestHeader.height).toBe(6)
  })

  it('of one who has gone meanwhile are not kept aside', () => {
    const bench = new ChainBench({ params: { ...params, minimumWork: 1n << 200n } })
    bench.engine.submitHeaders(peer, headersOf(builder.chain(builder.genesis, 700)))
    bench.engine.forget(peer)
    bench.settle()
    expect(bench.engine.stagedHeaders).toBe(0)
  })

  it('kept aside are forgotten with their peer', () => {
    const blocks = builder.chain(builder.genesis, 3)
    const bench = new ChainBench({ params: { ...params, minimumWork: 1n << 200n } })
    bench.engine.submitHeaders(peer, headersOf(blocks))
    bench.settle()
    expect(bench.engine.stagedHeaders).toBe(3)
    bench.engine.forget(peer)
    expect(bench.engine.stagedHeaders).toBe(0)
  })
})

describe('blocks', () => {
  it('are connected in order, whatever the order they come in', () => {
    const blocks = builder.chain(builder.genesis, 20)
    const bench = new ChainBench({ params })
    bench.engine.submitHeaders(peer, headersOf(blocks))
    submit(bench, [...blocks].reverse())
    expect(tipOf(bench)).toBe(endOf(blocks))
    expect(bench.of('block').every(({ verdict }) => verdict === 'stored')).toBe(true)
    const [tip] = bench.of('tip').slice(-1)
    expect(tip?.tip.height).toBe(20)
  })

  it('without a known parent are orphans', () => {
    const blocks = builder.chain(builder.genesis, 2)
    const bench = submit(new ChainBench({ params }), blocks.slice(1))
    expect(bench.of('block')).toMatchObject([{ verdict: 'orphan' }])
  })

  it('come twice and are stored once', () => {
    const blocks = builder.chain(builder.genesis, 1)
    const bench = submit(new ChainBench({ params }), [...blocks, ...blocks])
    expect(
      bench
        .of('block')
        .map(({ verdict }) => verdict)
        .sort(),
    ).toEqual(['duplicate', 'stored'])
    expect(bench.disk.blocks.size).toBe(1)
  })

  it('with a foreign body are mutated, and welcome with their own', () => {
    const [good] = builder.chain(builder.genesis, 1)
    const [other] = builder.chain(builder.genesis, 1, { salt: 9 })
    if (good === undefined || other === undefined) throw new Error('no blocks')
    const bench = new ChainBench({ params })
    bench.engine.submitBlock(peer, { ...good.block, transactionData: other.block.transactionData })
    bench.settle()
    expect(bench.of('block')).toMatchObject([{ verdict: 'mutated', fault: { code: 'bad-txnmrklroot' } }])
    submit(bench, [good])
    expect(tipOf(bench)).toBe(hashToHex(good.hash))
  })

  it('that take too much are out for good, with all behind them', () => {
    const greedy = builder.next(builder.genesis, { fees: 1 })
    const child = builder.next(greedy)
    const bench = new ChainBench({ params })
    bench.engine.submitHeaders(peer, headersOf([greedy, child]))
    submit(bench, [greedy])
    expect(bench.of('blockFailed')).toMatchObject([{ source: peer, fault: { code: 'bad-cb-amount' } }])
    expect(bench.engine.bestHeader.height).toBe(0)
    submit(bench, [child])
    expect(bench.of('block').at(-1)).toMatchObject({ verdict: 'invalid', fault: { code: 'bad-prevblk' } })
    expect(bench.engine.tip.height).toBe(0)
  })

  it('may spend what earlier ones made, once', () => {
    const start = builder.chain(builder.genesis, 3)
    const [first] = start
    const source = first?.transactions[0]
    if (source === undefined) throw new Error('no coinbase')
    const pay = spend(source, [0], [4_900_000_000])
    const again = spend(pay, [0], [4_800_000_000])
    const bench = submit(new ChainBench({ params }), start)
    const fees = 200_000_000
    const good = builder.next(start.at(-1) ?? builder.genesis, { transactions: [pay, again], fees })
    submit(bench, [good])
    expect(tipOf(bench)).toBe(hashToHex(good.hash))
    const twice = builder.next(good, { transactions: [pay] })
    submit(bench, [twice])
    expect(bench.of('blockFailed')).toMatchObject([{ fault: { code: 'bad-txns-inputs-missingorspent' } }])
  })

  it('may not spend what they have no key to', () => {
    const start = builder.chain(builder.genesis, 3)
    const source = start[0]?.transactions[0]
    if (source === undefined) throw new Error('no coinbase')
    const stolen = builder.next(start.at(-1) ?? builder.genesis, {
      transactions: [spend(source, [0], [1_000_000], false)],
    })
    const bench = submit(new ChainBench({ params }), [...start, stolen])
    expect(bench.of('blockFailed')).toMatchObject([{ fault: { code: 'block-script-verify-flag-failed' } }])
    expect(bench.engine.tip.height).toBe(3)
  })

  it('may not spend a coinbase too early', () => {
    const [first] = builder.chain(builder.genesis, 1)
    const source = first?.transactions[0]
    if (first === undefined || source === undefined) throw new Error('no coinbase')
    const early = builder.next(first, { transactions: [spend(source, [0], [1_000_000])] })
    const bench = submit(new ChainBench({ params }), [first, early])
    expect(bench.of('blockFailed')).toMatchObject([
      { fault: { code: 'bad-txns-premature-spend-of-coinbase' } },
    ])
  })
})

it('blocks that spend an output twice are invalid for themselves', () => {
  const [first, ...rest] = builder.chain(builder.genesis, 3)
  const source = first?.transactions[0]
  if (first === undefined || source === undefined) throw new Error('no coinbase')
  const transactions = [spend(source, [0], [1_000_000]), spend(source, [0], [2_000_000])]
  const twice = builder.next(rest.at(-1) ?? first, { transactions })
  const bench = submit(new ChainBench({ params }), [first, ...rest, twice])
  const codes = bench.of('block').map(({ fault }) => fault?.code)
  expect(codes).toContain('bad-txns-inputs-missingorspent')
  expect(bench.engine.tip.height).toBe(3)
})

describe('forks', () => {
  const trunk = builder.chain(builder.genesis, 3)
  const end = trunk.at(-1) ?? builder.genesis
  const short = builder.chain(end, 2)
  const long = builder.chain(end, 3, { salt: 1 })

  it('follow the most work, and coins are as if nothing else had been', () => {
    const bench = submit(submit(new ChainBench({ params }), [...trunk, ...short]), long)
    expect(tipOf(bench)).toBe(endOf(long))
    const straight = submit(new ChainBench({ params }), [...trunk, ...long])
    expect(bench.coins()).toEqual(straight.coins())
    const [change] = bench.of('tip').slice(-1)
    expect(change?.disconnected.map(({ height }) => height)).toEqual([5, 4])
    expect(change?.connected.map(({ height }) => height)).toEqual([4, 5, 6])
  })

  it('of equal work stay with the first seen', () => {
    const bench = submit(new ChainBench({ params }), [...trunk, ...short, ...long.slice(0, 2)])
    expect(tipOf(bench)).toBe(endOf(short))
  })

  it('that turn out bad at their end are left again', () => {
    const bench = submit(new ChainBench({ params }), [...trunk, ...short])
    const before = bench.coins()
    bench.forgetOutcomes()
    submit(bench, [...long.slice(0, 2), builder.next(long[1] ?? end, { salt: 2, fees: 5 })])
    expect(bench.of('blockFailed')).toMatchObject([{ fault: { code: 'bad-cb-amount' } }])
    expect(tipOf(bench)).toBe(endOf(short))
    expect(bench.coins()).toEqual(before)
    expect(bench.of('tip')).toEqual([])
  })

  it('that break a rule are told of once they have much more work, and are not forgotten', () => {
    const bad = builder.next(end, { fees: 1 })
    const above = builder.chain(bad, 9)
    const bench = submit(new ChainBench({ params }), [...trunk, bad])
    expect(bench.of('blockFailed')).toHaveLength(1)
    const heightsTold = () => bench.of('rejectedFork').map(({ first, best }) => [first.height, best.height])
    for (const [i, { header }] of above.entries()) {
      bench.engine.submitHeaders(peer, HeaderList.of([header]))
      bench.settle()
      expect(bench.of('headers').at(-1)).toMatchObject({
        verdict: 'invalid',
        fault: { code: 'bad-prevblk' },
        last: undefined,
      })
      expect(heightsTold()).toEqual(i < 5 ? [] : [[4, 10]])
    }
    expect(bench.engine.forks.rejected?.best.height).toBe(13)
    const again = new ChainBench({ params }, bench.disk)
    expect(again.engine.forks.rejected?.best.height).toBe(13)
    expect([again.engine.tip.height, again.engine.bestHeader.height]).toEqual([3, 3])
    submit(again, builder.chain(end, 4, { salt: 3 }))
    expect(again.engine.tip.height).toBe(7)
    expect(again.engine.forks.rejected).toBeUndefined()
  })

  it('that break a rule and have no work are not kept', () => {
    const bad = builder.next(end, { fees: 1 })
    const bench = submit(new ChainBench({ params }), [...trunk, bad])
    const lie = builder.next(bad, { withoutWork: true })
    bench.engine.submitHeaders(peer, headersOf([lie]))
    bench.settle()
    expect(bench.of('headers').at(-1)).toMatchObject({ verdict: 'invalid', fault: { code: 'high-hash' } })
    expect(bench.engine.tree.size).toBe(5)
  })

  it('deeper than allowed are told of, not followed', () => {
    const bench = submit(new ChainBench({ params: { ...params, maxReorgDepth: 1 } }), [...trunk, ...short])
    bench.engine.caughtUp()
    submit(bench, long)
    expect(tipOf(bench)).toBe(endOf(short))
    expect(bench.engine.bestHeader).toBe(bench.engine.tip)
    bench.engine.submitHeaders(peer, headersOf(long))
    bench.engine.submitHeaders(peerId(8), headersOf([...long, builder.next(long.at(-1) ?? end)]))
    bench.settle()
    expect(bench.engine.bestHeader).toBe(bench.engine.tip)
    expect(bench.of('deepFork')).toMatchObject([{ fork: { height: 3 } }])
  })
})

describe('what is written down', () => {
  const trunk = builder.chain(builder.genesis, 30)

  it('brings the same chain back', () => {
    const bench = submit(new ChainBench({ params }), trunk)
    const again = new ChainBench({ params }, bench.disk)
    expect(tipOf(again)).toBe(endOf(trunk))
    submit(again, [builder.next(trunk.at(-1) ?? builder.genesis)])
    expect(again.engine.tip.height).toBe(31)
    expect(again.of('blockFailed')).toEqual([])
  })

  it('is a state that existed, whenever the disk stops', () => {
    const fork = builder.chain(trunk[10] ?? builder.genesis, 25, { salt: 3 })
    const states = new Set([endOf([])])
    for (let stopAfter = 1; stopAfter < 60; stopAfter += 3) {
      const bench = new ChainBench({ params })
      for (const { block, stored } of [...trunk, ...fork]) {
        bench.engine.submitBlock(peer, block, stored)
        if ((bench.disk.count.get('commit') ?? 0) >= stopAfter) break
        bench.settle()
        for (const { tip } of bench.of('tip')) states.add(hashToHex(tip.hash))
      }
      const again = new ChainBench({ params }, bench.disk)
      expect(states).toContain(tipOf(again))
      submit(again, [...trunk, ...fork])
      expect(tipOf(again)).toBe(endOf(fork))
      expect(again.of('blockFailed')).toEqual([])
    }
  })

  it('stops with the disk', () => {
    const bench = new ChainBench({ params })
    bench.disk.error = 'no space left on the disk'
    submit(bench, trunk.slice(0, 2))
    expect(bench.of('storageFailed')).toEqual([{ type: 'storageFailed', error: 'no space left on the disk' }])
    submit(bench, trunk.slice(2, 4))
    expect(bench.of('block').map(({ verdict }) => verdict)).toEqual(['busy', 'busy'])
  })
})

describe('the operator', () => {
  const trunk = builder.chain(builder.genesis, 6)
  const fork = builder.chain(trunk[2] ?? builder.genesis, 2, { salt: 1 })

  it('calls blocks bad and good again', () => {
    const bench = submit(new ChainBench({ params }), [...trunk, ...fork])
    const bad = bench.engine.activeAt(4)
    if (bad === undefined) throw new Error('no block')
    const results: (string | undefined)[] = []
    bench.engine.maintenance.invalidate(bad, (result) => results.push(result))
    bench.settle()
    expect(tipOf(bench)).toBe(endOf(fork))
    expect(bad.has(NodeFlag.failed)).toBe(true)
    const again = new ChainBench({ params }, bench.disk)
    expect(tipOf(again)).toBe(endOf(fork))
    bench.engine.maintenance.reconsider(bad, (result) => results.push(result))
    bench.settle()
    expect(tipOf(bench)).toBe(endOf(trunk))
    expect(results).toEqual([undefined, undefined])
  })

  it('has the chain verified', () => {
    const bench = submit(new ChainBench({ params }), trunk)
    const results: (string | undefined)[] = []
    bench.engine.maintenance.verify(4, 6, (result) => results.push(result))
    bench.settle()
    const [place] = bench.disk.blocks.keys()
    bench.disk.blocks.delete(place ?? '')
    bench.engine.maintenance.verify(4, 6, (result) => results.push(result))
    bench.settle()
    expect(results).toEqual([undefined, 'block 1: it can not be read'])
  })

  it('is verified no further than somebody wants to know', () => {
    const bench = submit(new ChainBench({ params }), trunk)
    const results: (string | undefined)[] = []
    bench.engine.maintenance.verify(
      4,
      6,
      (result) => results.push(result),
      () => true,
    )
    bench.settle()
    expect(results).toEqual(['nobody waits for the answer any more'])
  })

  it('does not follow a chain for which blocks would have to be undone that have been deleted', () => {
    const bench = submit(new ChainBench({ params }), trunk)
    expect(bench.engine.isInitialDownload).toBe(true)
    for (const height of [1, 2]) {
      const node = bench.engine.activeAt(height)
      node?.set(NodeFlag.pruned)
      if (node !== undefined) node.position = undefined
    }
    const behind = (parent: BuiltBlock | undefined, count: number): BuiltBlock[] =>
      builder.chain(parent ?? builder.genesis, count, { salt: 5 })
    submit(bench, behind(trunk[0], 8))
    expect([bench.of('storageFailed'), bench.of('deepFork').length]).toEqual([[], 1])
    expect(tipOf(bench)).toBe(endOf(trunk))
    const near = behind(trunk[2], 6)
    submit(bench, near)
    expect(tipOf(bench)).toBe(endOf(near))
  })

  it('fetches blocks again that have been deleted when their branch becomes the best one', () => {
    const bench = submit(new ChainBench({ params }), trunk)
    const branch = builder.chain(trunk[2] ?? builder.genesis, 5, { salt: 5 })
    submit(bench, branch.slice(0, 2))
    const node = bench.engine.tree.get(branch[0]?.hash ?? builder.genesis.hash)
    node?.set(NodeFlag.pruned)
    if (node !== undefined) node.position = undefined
    submit(bench, branch.slice(2))
    expect(bench.of('blockLost')).toMatchObject([{ node: { height: 4 } }])
    expect(tipOf(bench)).toBe(endOf(trunk))
    submit(bench, branch.slice(0, 1))
    expect(tipOf(bench)).toBe(endOf(branch))
  })

  it('does not keep the node from ending', () => {
    const tasks = [
      (bench: ChainBench, done: (result: string | undefined) => void) =>
        bench.engine.maintenance.verify(4, 6, done),
      (bench: ChainBench, done: (result: string | undefined) => void) => {
        const first = bench.engine.activeAt(1)
        if (first !== undefined) bench.engine.maintenance.invalidate(first, done)
      },
    ]
    for (const begin of tasks) {
      const bench = submit(new ChainBench({ params }), trunk)
      const results: (string | undefined)[] = []
      begin(bench, (result) => results.push(result))
      for (let rests = 0; rests < 2; ) {
        if (bench.waiting[0]?.kind === 'rest') rests++
        bench.answer()
      }
      const { count } = bench.disk
      const reads = count.get('read') ?? 0
      bench.engine.stop()
      bench.settle()
      expect(results).toEqual([NODE_STOPS])
      expect((count.get('read') ?? 0) - reads).toBeLessThan(2)
      expect(bench.engine.isStopped).toBe(true)
      // What was taken off is put on again.
      const again = new ChainBench({ params }, bench.disk).settle()
      expect(tipOf(again)).toBe(endOf(trunk))
    }
  })

  it('has nothing to find fault with where there is only the first block', () => {
    const bench = new ChainBench({ params })
    const results: (string | undefined)[] = []
    bench.engine.maintenance.verify(4, 0, (result) => results.push(result))
    bench.settle()
    expect(results).toEqual([undefined])
  })
})

describe('coins on the disk', () => {
  const trunk = builder.chain(builder.genesis, 6)

  it('are those of the tip when somebody wants to read them there', () => {
    const bench = new ChainBench({ params })
    submit(bench, trunk.slice(0, 2))
    for (const { block } of trunk.slice(2)) bench.engine.submitBlock('local', block)
    while (bench.waiting.length > 0) bench.answer()
    expect(tipOf(bench)).toBe(endOf(trunk))
    expect(Object.keys(bench.coins())).toHaveLength(2)
    const seen: (string | undefined)[] = []
    bench.engine.maintenance.flushed((tip) => seen.push(`${tip.height} ${Object.keys(bench.coins()).length}`))
    while (bench.waiting.length > 0) bench.answer()
    expect(seen).toEqual(['6 6'])
    // Nothing has to be written the second time.
    const commits = bench.disk.count.get('commit')
    bench.engine.maintenance.flushed((tip) => seen.push(`${tip.height}`))
    while (bench.waiting.length > 0) bench.answer()
    expect(seen).toEqual(['6 6', '6'])
    expect(bench.disk.count.get('commit')).toBe(commits)
  })

  it('that are not there are not remembered without end, whoever asks for them', () => {
    const coinCacheBytes = 200_000
    const bench = submit(new ChainBench({ params, coinCacheBytes }), trunk)
    const { engine } = bench
    const [coinbase] = trunk[0]?.transactions ?? []
    if (coinbase === undefined) throw new Error('no coinbase')
    const there = coinKey(txidOf(coinbase), 0)
    let found = 0
    for (let n = 0; n < 50; n++) {
      const nothing = Array.from({ length: 999 }, (_, i) => coinKey(new Uint8Array(32).fill(n + 1), i))
      const job = engine.loadCoins([there, ...nothing])
      engine.run(job, () => {
        if (engine.coins.get(there) !== undefined) found++
      })
      bench.settle()
    }
    expect(found).toBe(50)
    expect(engine.coins.bytes).toBeLessThanOrEqual(coinCacheBytes + 1_000)
    submit(bench, builder.chain(trunk[5] ?? builder.genesis, 2))
    expect(engine.tip.height).toBe(8)
  })

  it('are told to be damaged, not believed, where undo data does not fit its block', () => {
    const bench = submit(new ChainBench({ params }), trunk)
    const results: (string | undefined)[] = []
    const end = bench.engine.tip
    const key = undoKey(end.hash)
    expect(bench.disk.values.has(key)).toBe(true)
    const undo = encodeUndo([{ value: 1, script: new Uint8Array(25), height: 1, isCoinbase: true }]).next()
    if (undo.done !== true) throw new Error('one coin takes one turn')
    bench.disk.values.set(key, undo.value)
    bench.engine.maintenance.verify(3, 6, (result) => results.push(result))
    bench.settle()
    expect(results).toEqual(['undo data does not fit its block'])
    // The chain goes on, until it has to make use of it.
    expect(bench.engine.isStopped).toBe(false)
    bench.engine.maintenance.invalidate(end, (result) => results.push(result))
    bench.settle()
    expect(bench.of('storageFailed')).toEqual([
      {
        type: 'storageFailed',
        error:
          'the stored chain is damaged: undo data does not fit its block. Start once with --reindex to rebuild it',
      },
    ])
    expect(bench.engine.isStopped).toBe(true)
  })
})

describe('serving', () => {
  const trunk = builder.chain(builder.genesis, 12)

  it('answers with headers behind the first that is known', () => {
    const bench = submit(new ChainBench({ params }), trunk)
    const zero = new Uint8Array(32)
    const at = (height: number): Uint8Array => trunk[height - 1]?.hash ?? zero
    const heights = (list: HeaderList): number[] =>
      [...list].map((header) => bench.engine.tree.find(header.bytes)?.height ?? -1)
    expect(heights(bench.engine.headersAfter([zero, at(5)], zero))).toEqual([6, 7, 8, 9, 10, 11, 12])
    expect(heights(bench.engine.headersAfter([at(5)], at(7)))).toEqual([6, 7])
    expect(heights(bench.engine.headersAfter([], zero))).toHaveLength(12)
    expect(heights(bench.engine.headersAfter([at(12)], zero))).toEqual([])
  })

  it('reads genesis and stored blocks', () => {
    const bench = submit(new ChainBench({ params }), trunk)
    const nodes = [0, 3, 12].flatMap((height) => bench.engine.activeAt(height) ?? [])
    let count = 0
    bench.engine.read(nodes, (blocks) => {
      for (const [i, block] of blocks.entries()) {
        expect(block?.payload.subarray(0, 80)).toEqual(nodes[i]?.bytes)
        count++
      }
    })
    bench.settle()
    expect(count).toBe(3)
  })
})

describe('pruning', () => {
  it('deletes the oldest files and says so', () => {
    const disk = new BenchDisk()
    const bench = new ChainBench({ params, pruneBytes: 1 }, disk)
    expect(bench.engine.maintenance.isPruning).toBe(true)
    submit(bench, builder.chain(builder.genesis, 10))
    // All blocks are in the file that is still written.
    expect(bench.engine.maintenance.pruneHeight).toBe(0)
  })
})

describe('very many outputs', () => {
  const blocks: BuiltBlock[] = []
  for (let height = 1; height <= 4; height++) {
    const coinbase = builder.coinbase(height)
    const outputs = coinbase.outputs.flatMap(({ value, scriptPubKey }) =>
      Array.from({ length: 10_000 }, () => ({ value: value / 10_000n, scriptPubKey })),
    )
    blocks.push(builder.next(blocks.at(-1) ?? builder.genesis, { coinbase: { ...coinbase, outputs } }))
  }

  it('are taken in turns', () => {
    const bench = submit(new ChainBench({ params }), blocks)
    expect(tipOf(bench)).toBe(endOf(blocks))
    expect(Object.keys(bench.coins())).toHaveLength(40_000)
    expect(bench.disk.count.get('rest')).toBeGreaterThanOrEqual(blocks.length)
  })
})
