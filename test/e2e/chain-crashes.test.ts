/** What a real node keeps of its chain when it is killed, when its files are damaged and when the disk is full. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { COMMIT_INTERVAL_MS } from '../../src/params/limits.ts'
import { eventually } from '../../testkit/changes.ts'
import { cli } from '../../testkit/cli.ts'
import { Lab, type NodeProcess } from '../../testkit/process.ts'

const lab = new Lab()
afterAll(() => lab.close())

/** Many steps, each of which waits for processes. */
const LONG_MS = 240_000
const ADDRESS = 'DJrywx4AsVQSPLZCKRdg8erZdPMNaRSrKq'
const MEGABYTE = 1_048_576

async function start(dataDir: string, ...args: string[]): Promise<NodeProcess> {
  const { node } = await lab.startListening({ args: ['--regtest', ...args], dataDir })
  return node
}

async function heightOf(node: NodeProcess): Promise<number> {
  return (await node.rpc('getblockcount')) as number
}

/** Sums and digest of the coins, without what differs from time to time. */
async function coinsOf(node: NodeProcess): Promise<object> {
  return { ...((await node.rpc('gettxoutsetinfo')) as object), disk_size: undefined }
}

interface Seen {
  readonly height: number
  /** By performance.now(). */
  readonly at: number
}

/** What is committed every quarter of a second is on its way for as long again, and more where disks are slow. */
const SAFE_AFTER_MS = 4 * COMMIT_INTERVAL_MS

/** The height that no end at this time may take. */
function safeHeight(seen: readonly Seen[], endedAt: number): number {
  return seen.findLast(({ at }) => at < endedAt - SAFE_AFTER_MS)?.height ?? 0
}

describe('a node that is killed while it mines', () => {
  const KILLS = 5
  const BLOCKS_BETWEEN = 300
  it(
    'loses no more than the last second, and nothing that it has is damaged',
    async () => {
      const dataDir = lab.newFolder()
      let safe = 0
      for (let kill = 0; kill < KILLS; kill++) {
        const node = await start(dataDir)
        const first = await heightOf(node)
        expect(first).toBeGreaterThanOrEqual(safe)
        expect(await node.rpc('verifychain', 4, 0)).toBe(true)
        const mining = node.rpc('generatetoaddress', 1_000_000, ADDRESS).catch(() => undefined)
        const seen: Seen[] = []
        await eventually(async () => {
          const height = await heightOf(node)
          seen.push({ height, at: performance.now() })
          return height >= first + BLOCKS_BETWEEN * (1 + kill / 7) ? true : undefined
        }, 'some hundred blocks')
        const endedAt = performance.now()
        await node.stop('SIGKILL')
        await mining
        safe = Math.max(first, safeHeight(seen, endedAt))
        expect(node.errors).toEqual([])
        expect(node.count(/warning/)).toBe(0)
      }
      const node = await start(dataDir)
      expect(await heightOf(node)).toBeGreaterThanOrEqual(Math.max(safe, KILLS * 100))
      const coins = await coinsOf(node)
      const height = await heightOf(node)
      expect((await node.stop()).code).toBe(0)
      // What there is is what its blocks make of it. Of the last ones the index may not have known.
      const again = await start(dataDir, '--reindex')
      await again.rpc('waitforblockheight', height, 60_000)
      await again.rpc('verifychain', 0, 1)
      if ((await heightOf(again)) > height) await again.rpc('invalidateblock', null, height + 1)
      expect(await coinsOf(again)).toEqual(coins)
      expect((await again.stop()).code).toBe(0)
    },
    LONG_MS,
  )
})

describe('a damaged store', () => {
  const rowsOf = (dataDir: string): string => join(dataDir, 'chain/chainstate')
  const first = (dataDir: string, pattern: RegExp): string => {
    const name = readdirSync(rowsOf(dataDir)).find((each) => pattern.test(each))
    if (name === undefined) throw new Error(`no file like ${String(pattern)}`)
    return join(rowsOf(dataDir), name)
  }
  const spoil = (path: string): void => {
    const bytes = readFileSync(path)
    for (let i = bytes.length >> 2; i < bytes.length; i += 7) bytes[i] = (bytes[i] ?? 0) ^ 0x55
    writeFileSync(path, bytes)
  }

  it.each<[string, (dataDir: string) => void]>([
    ['garbage in CURRENT', (dataDir) => writeFileSync(join(rowsOf(dataDir), 'CURRENT'), 'nothing like it')],
    ['no CURRENT', (dataDir) => rmSync(join(rowsOf(dataDir), 'CURRENT'))],
    ['garbage in the MANIFEST', (dataDir) => spoil(first(dataDir, /^MANIFEST/))],
    ['no MANIFEST', (dataDir) => rmSync(first(dataDir, /^MANIFEST/))],
    ['garbage in a table', (dataDir) => spoil(first(dataDir, /\.ldb$/))],
    ['no table', (dataDir) => rmSync(first(dataDir, /\.ldb$/))],
    ['no rows at all', (dataDir) => rmSync(rowsOf(dataDir), { recursive: true })],
  ])('%s is told in one line, and rebuilt by --reindex', async (_, damage) => {
    const dataDir = lab.newFolder()
    let node = await start(dataDir)
    await node.rpc('generatetoaddress', 120, ADDRESS)
    const coins = await coinsOf(node)
    expect((await node.stop()).code).toBe(0)
    // Rows get from the log to a table at the next start.
    node = await start(dataDir)
    expect((await node.stop()).code).toBe(0)
    damage(dataDir)

    const refused = lab.start({ args: ['--regtest'], dataDir })
    expect(await refused.waitForExit()).toMatchObject({ code: 1, signal: null })
    expect(refused.errors).toEqual([expect.stringMatching(/^dilithion-node: .*--reindex/)])

    node = await start(dataDir, '--reindex')
    await node.rpc('waitforblockheight', 120, 60_000)
    expect(await coinsOf(node)).toEqual(coins)
    expect((await node.stop()).code).toBe(0)
    node = await start(dataDir)
    expect(await coinsOf(node)).toEqual(coins)
    expect((await node.stop()).code).toBe(0)
  })
})

/** A small disk of its own; undefined where it can't be had, which takes root on Linux. */
function mountDisk(megabytes: number): string | undefined {
  const path = lab.newFolder()
  const command = ['mount', '-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path]
  if (spawnSync('/usr/bin/env', command, { stdio: 'ignore' }).status !== 0) return undefined
  lab.atEnd({ close: () => spawnSync('/usr/bin/env', ['umount', '--lazy', path]) })
  return path
}

const disk = mountDisk(24)

describe.skipIf(disk === undefined)('a disk that is full', () => {
  it('stops the node with one line, and nothing is lost when there is room again', async () => {
    if (disk === undefined) throw new Error('no disk')
    const dataDir = join(disk, 'data')
    mkdirSync(dataDir)
    const filler = join(disk, 'filler')
    const node = await start(dataDir)
    await cli(node, 'generatetoaddress', '100', ADDRESS)
    const { bavail, bsize } = statfsSync(disk)
    writeFileSync(filler, Buffer.alloc(bavail * bsize - MEGABYTE / 4))
    const seen: Seen[] = []
    const mining = node.rpc('generatetoaddress', 1_000_000, ADDRESS).catch((error: Error) => error.message)
    await eventually(async () => {
      const height = await heightOf(node).catch(() => undefined)
      if (height !== undefined) seen.push({ height, at: performance.now() })
      return node.hasExited ? true : undefined
    }, 'the end of the node')
    const endedAt = performance.now()
    expect(await node.waitForExit()).toMatchObject({ code: 1, signal: null })
    expect(node.errors).toEqual([
      'dilithion-node: the disk failed: no space left on the disk. What was stored before is safe; start again when that is put right',
    ])
    expect(await mining).toEqual(expect.any(String))

    rmSync(filler)
    const again = await start(dataDir)
    // By then what was stored and not yet connected is.
    expect(await again.rpc('verifychain', 4, 0)).toBe(true)
    const height = await heightOf(again)
    expect(height).toBeGreaterThanOrEqual(safeHeight(seen, endedAt))
    await again.rpc('generatetoaddress', 10, ADDRESS)
    expect(await heightOf(again)).toBe(height + 10)
    expect((await again.stop()).code).toBe(0)
  })
})
