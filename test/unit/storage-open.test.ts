/** Opening a store: what it makes, whom it refuses, and what it says of damage. */
import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { regtest, testnet } from '../../src/params/networks.ts'
import { UserError } from '../../src/primitives/errors.ts'
import {
  appendOf,
  ask,
  commitOf,
  foundIn,
  getText,
  pairsOf,
  placeAfter,
  readBlocks,
  StoreLab,
  sampleBlock,
} from '../../testkit/stores.ts'

const lab = new StoreLab()
afterEach(() => lab.close())

const FIRST = placeAfter(undefined, 300)
const sample = sampleBlock(1)

/** A folder with a closed store that has a block and a thousand rows. */
async function filledDir(): Promise<string> {
  const dir = lab.newDir()
  const store = await lab.open(dir)
  await ask(store, appendOf(FIRST, sample))
  for (let i = 0; i < 1_000; i++)
    await ask(store, commitOf({ [`k${1_000 + i}`]: `${i} `.repeat(100) }, i === 999))
  await store.close()
  return dir
}

const rowFile = (dir: string, pattern: RegExp): string => {
  const name = readdirSync(join(dir, 'chainstate')).find((file) => pattern.test(file))
  return join(dir, 'chainstate', name ?? 'none')
}

const damage = (path: string, from: number, to: number): void => {
  const bytes = readFileSync(path)
  bytes.fill(0x55, from, to)
  writeFileSync(path, bytes)
}

async function refusal(dir: string, options: Parameters<StoreLab['open']>[1] = {}): Promise<string> {
  const error: unknown = await lab.open(dir, options).then(
    () => undefined,
    (reason) => reason,
  )
  expect(error).toBeInstanceOf(UserError)
  return error instanceof Error ? error.message : ''
}

describe('openChainStore', () => {
  it('makes a store that only its owner can read, and opens it again', async () => {
    const dir = join(lab.newDir(), 'chain')
    const store = await lab.open(dir)
    expect(readFileSync(join(dir, 'format'), 'utf8')).toMatch(
      /^format 1\nnetwork regtest\nmagic fabfb5da\ngenesis [0-9a-f]{64}\nsecret [0-9a-f]{32}\ncheck [0-9a-f]{8}\n$/,
    )
    await ask(store, appendOf(FIRST, sample))
    await ask(store, commitOf({ a: '1' }))
    for (const path of [dir, join(dir, 'blocks')]) expect(statSync(path).mode & 0o077).toBe(0)
    expect(statSync(join(dir, 'blocks/blk00000.dat')).mode & 0o077).toBe(0)
    await store.close()
    const again = await lab.open(dir)
    expect(await getText(again, 'a')).toEqual(['1'])
    expect(await readBlocks(again, [FIRST])).toEqual([sample.block])
  })

  it('refuses another network, and another chain of the same network', async () => {
    const dir = await filledDir()
    expect(await refusal(dir, { network: testnet })).toBe(
      `${dir} holds the chain of regtest, which is not the one asked for (testnet, genesis 924bdb80469e1185814407147bc763a62425cc400bc902ce37d73ffbc3524475): choose another data directory with --datadir=DIR`,
    )
    expect(await refusal(dir, { network: { ...regtest, genesisHash: new Uint8Array(32) } })).toContain(
      'holds the chain of regtest, which is not the one asked for (regtest, genesis 0000',
    )
    expect(await getText(await lab.open(dir), 'k1000')).toHaveLength(1)
  })

  it('refuses what a newer version has written, and a damaged format file', async () => {
    const dir = await filledDir()
    const path = join(dir, 'format')
    const text = readFileSync(path, 'utf8')
    writeFileSync(path, text.replace('format 1', 'format 2'))
    expect(await refusal(dir)).toContain('was written by a newer version of this program: update, or')
    const otherSecret = text.replace(/secret ./, (start) => (start === 'secret 0' ? 'secret 1' : 'secret 0'))
    for (const broken of ['', 'format', 'format 1\nnetwork regtest\n', `format 0\n${text}`, otherSecret]) {
      writeFileSync(path, broken)
      expect(await refusal(dir)).toBe(`${path} is damaged: restore it, or move ${dir} away to start anew`)
    }
  })

  it('leaves alone what is not marked as its own', async () => {
    const dir = lab.newDir()
    mkdirSync(join(dir, 'chainstate'))
    writeFileSync(join(dir, 'chainstate/CURRENT'), 'MANIFEST-000002\n')
    expect(await refusal(dir)).toContain(`${dir} holds a chain, but no file that says which one`)
    expect(readdirSync(join(dir, 'chainstate'))).toEqual(['CURRENT'])
    const other = await filledDir()
    rmSync(join(other, 'format'))
    expect(await refusal(other)).toContain('holds a chain, but no file that says which one')
    rmSync(join(other, 'chainstate'), { recursive: true })
    expect(await refusal(other)).toContain('holds a chain, but no file that says which one')
  })

  it('refuses a second opener, in this process and in another', async () => {
    const dir = await filledDir()
    const store = await lab.open(dir)
    const text = `can't use ${dir}: it is used by another process: stop that, or choose another data directory with --datadir=DIR`
    expect(await refusal(dir)).toBe(text)
    expect(await getText(store, 'k1000')).toHaveLength(1)
    await store.close()
    const program = `
      const { ClassicLevel } = require('classic-level')
      const rows = new ClassicLevel(process.argv[1])
      rows.open().then(() => process.stdout.write('open'))
      process.stdin.resume()
      process.stdin.on('end', () => process.exit())`
    const child = spawn(process.execPath, ['-e', program, join(dir, 'chainstate')], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const exit = new Promise((resolve) => child.once('exit', resolve))
    await new Promise((resolve) => child.stdout.once('data', resolve))
    expect(await refusal(dir)).toBe(text)
    child.stdin.end()
    await exit
    await lab.open(dir)
  })

  it.each([
    ['CURRENT damaged', /^CURRENT$/, (path: string) => writeFileSync(path, 'x')],
    ['CURRENT missing', /^CURRENT$/, (path: string) => rmSync(path)],
    ['manifest missing', /^MANIFEST/, (path: string) => rmSync(path)],
    ['manifest empty', /^MANIFEST/, (path: string) => truncateSync(path, 0)],
    ['manifest damaged', /^MANIFEST/, (path: string) => damage(path, 10, 30)],
    ['log damaged in its middle', /\.log$/, (path: string) => damage(path, 70_000, 70_010)],
    ['log with a hole', /\.log$/, (path: string) => damage(path, 65_536, 98_304)],
  ])('says that the rows are damaged, and can rebuild them: %s', async (_, pattern, harm) => {
    const dir = await filledDir()
    harm(rowFile(dir, pattern))
    const text = await refusal(dir)
    expect(text).toContain(`can't use ${dir}: the index of the chain is damaged (`)
    expect(text).toMatch(/^[^\n]+\): start once with --reindex to rebuild it$/)
    expect(await refusal(dir)).toBe(text)
    const store = await lab.open(dir, { reindex: true })
    expect(await pairsOf(store)).toEqual([])
    expect((await foundIn(store)).map(({ hash }) => hash)).toEqual([sample.hash])
    await ask(store, commitOf({ a: '1' }))
    await store.finishReindex()
    await store.close()
    expect(await getText(await lab.open(dir), 'a')).toEqual(['1'])
  })

  it('does not go on with an index that was not rebuilt to its end', async () => {
    const dir = await filledDir()
    const store = await lab.open(dir, { reindex: true })
    await ask(store, commitOf({ a: '1' }, true))
    await store.close()
    expect(await refusal(dir)).toBe(
      `can't use ${dir}: the index of the chain is not complete: start once with --reindex to rebuild it`,
    )
    const again = await lab.open(dir, { reindex: true })
    expect(await pairsOf(again)).toEqual([])
    await again.finishReindex()
    await again.close()
    await lab.open(dir)
  })

  it('keeps rows that can not be made anew, if they can be read', async () => {
    const dir = await filledDir()
    const keep = { prefix: 'k100', isKept: (key: string) => key !== 'k1003' }
    const store = await lab.open(dir, { reindex: true, keep })
    const kept = (await pairsOf(store)).map(([key]) => key)
    expect(kept).toEqual([0, 1, 2, 4, 5, 6, 7, 8, 9].map((i) => `k100${i}`))
    await store.close()
    // Interrupted, and begun anew.
    const again = await lab.open(dir, { reindex: true, keep })
    expect((await pairsOf(again)).map(([key]) => key)).toEqual(kept)
    await again.finishReindex()
    await again.close()
    rmSync(join(dir, 'chainstate/CURRENT'))
    expect(await pairsOf(await lab.open(dir, { reindex: true, keep }))).toEqual([])
  })

  it('does not take a store for one to rebuild that another process has open', async () => {
    const dir = await filledDir()
    const store = await lab.open(dir)
    expect(await refusal(dir, { reindex: true })).toContain('it is used by another process')
    await store.close()
    expect(await getText(await lab.open(dir), 'k1000')).toEqual(['0 '.repeat(100)])
  })

  it('does not begin anew where there are blocks and no rows', async () => {
    const dir = await filledDir()
    rmSync(join(dir, 'chainstate'), { recursive: true })
    expect(await refusal(dir)).toBe(
      `can't use ${dir}: the index of its blocks is missing: start once with --reindex to rebuild it`,
    )
    expect(await readBlocks(await lab.open(dir, { reindex: true }), [FIRST])).toEqual([sample.block])
  })

  it('opens what a crash left half made', async () => {
    const dir = lab.newDir()
    await (await lab.open(dir)).close()
    rmSync(rowFile(dir, /^CURRENT$/))
    rmSync(rowFile(dir, /\.log$/))
    await (await lab.open(dir)).close()
    rmSync(join(dir, 'chainstate'), { recursive: true })
    await lab.open(dir)
  })

  it('says what the system does not allow', async () => {
    const dir = lab.newDir()
    writeFileSync(join(dir, 'file'), '')
    expect(await refusal(join(dir, 'file'))).toBe(
      `can't use ${join(dir, 'file')}: part of the path is not a directory`,
    )
    expect(await refusal(join(dir, 'none/chain'))).toBe(
      `can't use ${join(dir, 'none/chain')}: no such file or directory`,
    )
  })
})
