/** A process that writes to a store is killed again and again, or finds the disk full: what it was told is there. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { buildSync } from 'esbuild'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { checkProgress } from '../../testkit/store-progress.ts'
import { StoreLab } from '../../testkit/stores.ts'

const lab = new StoreLab()
let programs = ''
let program = ''

beforeAll(() => {
  programs = mkdtempSync(join(tmpdir(), 'dilithion-store-writer-'))
  program = join(programs, 'store-writer.mjs')
  const classicLevel = createRequire(import.meta.url).resolve('classic-level')
  buildSync({
    entryPoints: [resolve(import.meta.dirname, '../../testkit/store-writer.ts')],
    outfile: program,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    alias: { 'classic-level': pathToFileURL(classicLevel).href },
    external: ['file:*'],
    logLevel: 'warning',
  })
})
afterEach(() => lab.close())
afterAll(() => rmSync(programs, { recursive: true, force: true }))

interface Run {
  /** The last step that the program was told is done. */
  readonly told: number
  /** The error that ended it, if one did. */
  readonly error: string | undefined
}

/** Runs the program, and kills it once it has told of `steps` more steps. */
function runWriter(command: readonly string[], steps: number): Promise<Run> {
  const [file = '', ...args] = command
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let [rest, told, seen] = ['', 0, 0]
  let error: string | undefined
  child.stdout.on('data', (text) => {
    const lines = `${rest}${String(text)}`.split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      if (line.startsWith('error ')) error = line.slice(6)
      else told = Number(line)
      seen++
    }
    if (seen >= steps) child.kill('SIGKILL')
  })
  return new Promise((done) => child.once('close', () => done({ told, error })))
}

const writer = (dir: string, syncEvery: number, rowBytes = 200): string[] => [
  process.execPath,
  program,
  dir,
  String(syncEvery),
  String(rowBytes),
]

describe('kill -9', () => {
  it.each([
    ['every commit made to last', 1],
    ['none made to last', 1_000_000],
  ])('costs nothing that was answered, with %s', async (_, syncEvery) => {
    const dir = join(lab.newDir(), 'chain')
    let reached = 0
    for (let round = 0; round < 10; round++) {
      const { told, error } = await runWriter(writer(dir, syncEvery), 10 + 11 * round)
      expect(error).toBeUndefined()
      const store = await lab.open(dir)
      const step = await checkProgress(store)
      expect(step).toBeGreaterThanOrEqual(told)
      expect(told).toBeGreaterThan(reached)
      reached = step
      await store.close()
    }
    expect(reached).toBeGreaterThan(500)
  })
})

describe('a full disk', () => {
  // The limit of a file's size stops a write as a full disk does, and needs no rights.
  it.each([
    ['block', 700, 200],
    ['row', 2_400, 20_000],
  ])(
    'at a %s ends the writer with an error in words, and costs nothing that was answered',
    async (_, mostSectors, rowBytes) => {
      const dir = join(lab.newDir(), 'chain')
      const command = ['sh', '-c', `ulimit -f ${mostSectors}; exec "$@"`, 'sh', ...writer(dir, 3, rowBytes)]
      const { told, error } = await runWriter(command, 1_000_000)
      expect(error).toBe('the file would be larger than allowed')
      expect(told).toBeGreaterThan(20)
      const store = await lab.open(dir)
      expect(await checkProgress(store)).toBeGreaterThanOrEqual(told)
      await store.close()
      const again = await runWriter(writer(dir, 3), 100)
      expect(again.error).toBeUndefined()
      expect(await checkProgress(await lab.open(dir))).toBeGreaterThanOrEqual(told + 99)
    },
  )
})
