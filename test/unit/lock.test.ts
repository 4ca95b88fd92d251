/** The lock of a data directory: one holder at a time, and none that is dead. */
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LOCK_FILE, lockDataDir } from '../../src/node/lock.ts'
import { UserError } from '../../src/primitives/errors.ts'
import { eventually } from '../../testkit/changes.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dilithion-lock-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const content = (): string => readFileSync(join(folder, LOCK_FILE), 'utf8')
const write = (text: string): void => writeFileSync(join(folder, LOCK_FILE), text)

/** Number of a process that has just ended. */
const deadPid = (): number => spawnSync(process.execPath, ['--version']).pid

describe('lockDataDir', () => {
  it('writes who holds it, keeps others out, and leaves nothing behind', async () => {
    const lock = await lockDataDir(folder)
    expect(content()).toMatch(new RegExp(`^${process.pid} \\d+\\n$`))
    expect(readdirSync(folder)).toEqual([LOCK_FILE])
    const text = `data directory ${folder} is used by another node (process ${process.pid})`
    await expect(lockDataDir(folder)).rejects.toThrow(text)
    expect(readdirSync(folder)).toEqual([LOCK_FILE])
    await lock.release()
    expect(readdirSync(folder)).toEqual([])
    await (await lockDataDir(folder)).release()
  })

  it('is taken from a process that has ended and that nobody has noticed yet', async () => {
    // The shell gives way to a program that never asks after its child, which ends when it is told to.
    const parent = spawn('sh', ['-c', 'sleep 60 & echo $!; exec sleep 60'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    try {
      const pid = await new Promise<number>((resolve) => {
        parent.stdout.once('data', (text) => resolve(Number(String(text))))
      })
      process.kill(pid, 'SIGKILL')
      write(`${pid} -\n`)
      const lock = await eventually(() => lockDataDir(folder).catch(() => undefined), 'the lock')
      expect(content()).toMatch(new RegExp(`^${process.pid} `))
      await lock.release()
    } finally {
      parent.kill('SIGKILL')
    }
  })

  it('is kept where files can not have second names, as on a memory stick', async () => {
    const noLinks = (): Promise<void> => Promise.reject(Object.assign(new Error('no'), { code: 'EPERM' }))
    const lock = await lockDataDir(folder, noLinks)
    expect(content()).toMatch(new RegExp(`^${process.pid} \\d+\n$`))
    await expect(lockDataDir(folder, noLinks)).rejects.toThrow('is used by another node')
    await lock.release()
    expect(readdirSync(folder)).toEqual([])
    // A process that was killed before it had written its number holds nothing, nor does one that has ended.
    for (const left of ['', `${deadPid()} 1\n`]) {
      write(left)
      const next = await lockDataDir(folder, noLinks)
      expect(readdirSync(folder)).toEqual([LOCK_FILE])
      await next.release()
    }
  })

  it('does not release what is no longer its own', async () => {
    const lock = await lockDataDir(folder)
    write('1 1\n')
    await lock.release()
    expect(content()).toBe('1 1\n')
  })

  it.each([
    ['a process that has ended', () => `${deadPid()} 1\n`],
    ['a number that another process has now', () => `${process.pid} 1\n`],
    ['nobody', () => ''],
    ['something that is no process', () => 'hello\n'],
    ['a number below all processes', () => '-1 -\n'],
  ])('takes over from %s', async (_, holder) => {
    write(holder())
    const lock = await lockDataDir(folder)
    expect(content()).toMatch(new RegExp(`^${process.pid} `))
    await lock.release()
    expect(readdirSync(folder)).toEqual([])
  })

  it('respects a holder whose start is unknown', async () => {
    write(`${process.pid} -\n`)
    await expect(lockDataDir(folder)).rejects.toThrow(UserError)
    expect(content()).toBe(`${process.pid} -\n`)
  })

  it('says so in words where it can not be made', async () => {
    await expect(lockDataDir(join(folder, 'missing'))).rejects.toThrow(
      /^can't lock data directory .*: no such file or directory$/,
    )
    mkdirSync(join(folder, LOCK_FILE))
    await expect(lockDataDir(folder)).rejects.toThrow(/^can't lock data directory .*: it is a directory$/)
    expect(readdirSync(folder)).toEqual([LOCK_FILE])
  })
})
