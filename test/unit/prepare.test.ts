/**
 * What makes a clone ready to run, in small clones whose npm and whose build are stand-ins that note that they
 * were called. Nothing is downloaded and nothing real is built.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { eventually } from '../../testkit/changes.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'dilithion-prepare-'))
const started: ChildProcess[] = []
afterAll(() => {
  for (const child of started) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

const NPM = `#!/bin/sh
echo "npm $*" >> calls
[ -e npm-fails ] && echo "npm error no network" >&2 && exit 1
mkdir -p node_modules && cp package-lock.json node_modules/.package-lock.json
`
const BUILD = `
import { appendFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
const root = dirname(import.meta.dirname)
export async function build({ library }) {
  appendFileSync(root + '/calls', library ? 'build with library\\n' : 'build\\n')
  if (existsSync(root + '/build-fails')) throw new Error('src/x.ts:1: nonsense')
  while (existsSync(root + '/build-waits')) await new Promise((resolve) => setTimeout(resolve, 10))
  rmSync(root + '/dist', { recursive: true, force: true })
  mkdirSync(root + '/dist/bin', { recursive: true })
  writeFileSync(root + '/dist/bin/dilithion-node.js', 'console.log(JSON.stringify(process.argv.slice(2)))')
  writeFileSync(root + '/dist/.built', '')
  if (library) writeFileSync(root + '/dist/.built-lib', '')
}
`

let clones = 0

/** A clone that has never been started. */
class Clone {
  // Spaces are not unusual where people keep things.
  readonly root = join(folder, `clone ${++clones}`)

  constructor() {
    for (const name of ['scripts', 'src', 'bin']) mkdirSync(join(this.root, name), { recursive: true })
    for (const name of ['scripts/prepare.mjs', 'scripts/randomx.mjs', 'dilithion-node'])
      copyFileSync(join(ROOT, name), this.path(name))
    this.write('scripts/build.mjs', BUILD)
    this.write('bin/npm', NPM)
    chmodSync(this.path('bin/npm'), 0o755)
    for (const name of ['package.json', 'tsconfig.json', 'tsconfig.build.json']) this.write(name, '{}')
    this.lockPackages({ 'node_modules/a': { version: '1.0.0' } })
    this.write('src/x.ts', '')
    this.write('calls', '')
    this.age()
  }

  path(name: string): string {
    return join(this.root, name)
  }

  write(name: string, text: string): void {
    writeFileSync(this.path(name), text)
  }

  lockPackages(packages: Record<string, object>): void {
    this.write('package-lock.json', JSON.stringify({ packages: { '': {}, ...packages } }))
  }

  /** Lets all inputs be older than any build, as they are in a clone that lay around for a while. */
  age(): void {
    const then = new Date(Date.now() - 60_000)
    const inputs = ['src/x.ts', 'src', 'package.json', 'package-lock.json', 'scripts/build.mjs']
    for (const name of [...inputs, 'tsconfig.json', 'tsconfig.build.json']) {
      utimesSync(this.path(name), then, then)
    }
  }

  /** What was called since the last time. */
  calls(): string[] {
    const lines = readFileSync(this.path('calls'), 'utf8').split('\n').slice(0, -1)
    this.write('calls', '')
    return lines.map((line) => line.replace(/^npm ci .*/, 'install'))
  }

  run(...args: string[]): { status: number | null; output: string } {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [...args, 'scripts/prepare.mjs'],
      this.#options,
    )
    return { status, output: stdout + stderr }
  }

  runWithLibrary(): { status: number | null; output: string } {
    const args = ['scripts/prepare.mjs', '--library']
    const { status, stdout, stderr } = spawnSync(process.execPath, args, this.#options)
    return { status, output: stdout + stderr }
  }

  /** Runs in the background. */
  start(): { readonly child: ChildProcess; readonly ended: Promise<number | null>; output(): string } {
    const child = spawn(process.execPath, ['scripts/prepare.mjs'], this.#options)
    started.push(child)
    let output = ''
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
    const ended = new Promise<number | null>((end) => child.once('close', end))
    return { child, ended, output: () => output }
  }

  get #options() {
    const env = { PATH: `${this.path('bin')}:/usr/bin:/bin` }
    return { cwd: this.root, env, encoding: 'utf8' } as const
  }
}

function readyClone(): Clone {
  const clone = new Clone()
  expect(clone.run().status).toBe(0)
  clone.calls()
  return clone
}

describe('prepare', () => {
  it('installs and builds once, and then has nothing to say', () => {
    const clone = new Clone()
    const first = clone.run()
    expect(first.status).toBe(0)
    expect(first.output).toMatch(
      /^First start: .*\n {2}installing .*\n {2}done in .* s\n {2}building \.\.\.\n/,
    )
    expect(clone.calls()).toEqual(['install', 'build'])
    expect(clone.run()).toEqual({ status: 0, output: '' })
    expect(clone.calls()).toEqual([])
    expect(existsSync(clone.path('.dilithion-prepare'))).toBe(false)
  })

  it('takes what npm has installed without it', () => {
    const clone = new Clone()
    mkdirSync(clone.path('node_modules'))
    copyFileSync(clone.path('package-lock.json'), clone.path('node_modules/.package-lock.json'))
    expect(clone.run().output).toMatch(/^Building the current sources\.\n/)
    expect(clone.calls()).toEqual(['build'])
  })

  it('installs again when the locked versions change, but not for packages of other systems', () => {
    const clone = readyClone()
    clone.lockPackages({ 'node_modules/a': { version: '1.0.1' } })
    expect(clone.run().status).toBe(0)
    expect(clone.calls()).toEqual(['install', 'build'])

    clone.lockPackages({ 'node_modules/a': { version: '1.0.1' }, 'node_modules/b': { version: '1.0.0' } })
    expect(clone.run().status).toBe(0)
    expect(clone.calls()).toEqual(['install', 'build'])

    const optional = { version: '1.0.0', optional: true }
    clone.write('package-lock.json', JSON.stringify({ packages: { 'node_modules/other-system': optional } }))
    expect(clone.run().status).toBe(0)
    expect(clone.calls()).toEqual(['build'])
  })

  it.each([
    ['changed', (clone: Clone) => appendFileSync(clone.path('src/x.ts'), 'x')],
    ['added', (clone: Clone) => clone.write('src/y.ts', '')],
    ['removed', (clone: Clone) => rmSync(clone.path('src/x.ts'))],
  ])('builds again when a source was %s', (_, change) => {
    const clone = readyClone()
    change(clone)
    expect(clone.run().status).toBe(0)
    expect(clone.calls()).toEqual(['build'])
  })

  it('builds the library when asked to, and keeps it from then on', () => {
    const clone = readyClone()
    expect(clone.runWithLibrary().status).toBe(0)
    expect(clone.calls()).toEqual(['build with library'])
    appendFileSync(clone.path('src/x.ts'), 'x')
    expect(clone.run().status).toBe(0)
    expect(clone.calls()).toEqual(['build with library'])
  })

  it('builds again for a source that changed during the build', async () => {
    const clone = new Clone()
    clone.write('build-waits', '')
    const run = clone.start()
    await eventually(() => (clone.calls().includes('build') ? true : undefined), 'the build')
    appendFileSync(clone.path('src/x.ts'), 'x')
    rmSync(clone.path('build-waits'))
    expect(await run.ended).toBe(0)
    clone.calls()
    expect(clone.run().status).toBe(0)
    expect(clone.calls()).toEqual(['build'])
  })

  it('lets one work while others wait', async () => {
    const clone = new Clone()
    clone.write('build-waits', '')
    const runs = [clone.start(), clone.start(), clone.start()]
    const waiting = (): number => runs.filter((run) => run.output().includes('preparing already')).length
    await eventually(() => (waiting() === 2 ? true : undefined), 'two that wait')
    rmSync(clone.path('build-waits'))
    expect(await Promise.all(runs.map((run) => run.ended))).toEqual([0, 0, 0])
    expect(clone.calls()).toEqual(['install', 'build'])
  })

  it('takes over from one that was killed', async () => {
    const clone = new Clone()
    clone.write('build-waits', '')
    const run = clone.start()
    await eventually(() => (clone.calls().includes('build') ? true : undefined), 'the build')
    run.child.kill('SIGKILL')
    await run.ended
    rmSync(clone.path('build-waits'))
    expect(existsSync(clone.path('.dilithion-prepare'))).toBe(true)
    expect(clone.run().status).toBe(0)
    expect(clone.calls()).toEqual(['build'])
    expect(existsSync(clone.path('.dilithion-prepare'))).toBe(false)
  })

  it.each(['missing', 'empty'])('takes over from a lock whose holder is %s', (holder) => {
    const clone = readyClone()
    appendFileSync(clone.path('src/x.ts'), 'x')
    const lock = clone.path('.dilithion-prepare')
    mkdirSync(lock)
    if (holder === 'empty') writeFileSync(join(lock, 'pid'), '')
    const then = new Date(Date.now() - 60_000)
    utimesSync(lock, then, then)
    expect(clone.run().status).toBe(0)
    expect(clone.calls()).toEqual(['build'])
  })
})

describe('prepare that fails', () => {
  it('shows what npm said, and tries again next time', () => {
    const clone = new Clone()
    clone.write('npm-fails', '')
    const { status, output } = clone.run()
    expect(status).toBe(1)
    expect(output).toMatch(/npm error no network\n/)
    expect(output).toMatch(/\ndilithion: npm could not install the dependencies: .*\n$/)
    expect(existsSync(clone.path('.dilithion-prepare'))).toBe(false)
    rmSync(clone.path('npm-fails'))
    clone.calls()
    expect(clone.run().status).toBe(0)
    expect(clone.calls()).toEqual(['install', 'build'])
  })

  it('says that npm is missing', () => {
    const clone = new Clone()
    rmSync(clone.path('bin/npm'))
    const path = clone.path('bin')
    const options = { cwd: clone.root, env: { PATH: path }, encoding: 'utf8' } as const
    const { status, stderr } = spawnSync(process.execPath, ['scripts/prepare.mjs'], options)
    expect(status).toBe(1)
    expect(stderr).toMatch(/\ndilithion: npm could not be started .*: it comes with Node\.js\n$/)
  })

  it('says in one line what is wrong with the build', () => {
    const clone = readyClone()
    appendFileSync(clone.path('src/x.ts'), 'x')
    clone.write('build-fails', '')
    const { status, output } = clone.run()
    expect(status).toBe(1)
    expect(output).toMatch(/\ndilithion: the build failed: src\/x\.ts:1: nonsense\n$/)
    expect(existsSync(clone.path('.dilithion-prepare'))).toBe(false)
    expect(existsSync(clone.path('dist/.built'))).toBe(true)
  })

  it('names the Node that it needs, and leaves the lock of another alone', () => {
    const clone = new Clone()
    mkdirSync(clone.path('.dilithion-prepare'))
    const code = "Object.defineProperty(process.versions, 'node', { value: '18.20.8' })"
    const older = `Object.defineProperty(process, 'versions', { value: { ...process.versions } });${code}`
    const { status, output } = clone.run('--import', `data:text/javascript,${encodeURIComponent(older)}`)
    expect(output).toMatch(/^dilithion: Node\.js 20\.19 or newer is needed, this is 18\.20\.8: see https:/)
    expect(status).toBe(1)
    expect(existsSync(clone.path('.dilithion-prepare'))).toBe(true)
  })
})

describe('the launcher', () => {
  const args = ['--datadir=a b', '', '*', "it's", '--']

  function launch(
    clone: Clone,
    command = clone.path('dilithion-node'),
    path = `${clone.path('bin')}:/usr/bin:/bin`,
  ) {
    const env = { PATH: `${path}:${dirname(process.execPath)}` }
    return spawnSync(command, args, { cwd: folder, env, encoding: 'utf8' })
  }

  it('prepares where that is due, and hands its arguments over as they are', () => {
    const clone = new Clone()
    const first = launch(clone)
    expect(first.stderr).toMatch(/^First start: /)
    expect([JSON.parse(first.stdout), first.status]).toEqual([args, 0])
    expect(clone.calls()).toEqual(['install', 'build'])

    const second = launch(clone)
    expect([second.stderr, JSON.parse(second.stdout)]).toEqual(['', args])
    appendFileSync(clone.path('src/x.ts'), 'x')
    expect(launch(clone).stderr).toMatch(/^Building the current sources\./)
    expect(clone.calls()).toEqual(['build'])
  })

  it('finds its clone through a link from elsewhere', () => {
    const clone = readyClone()
    const link = join(folder, `link to ${clones}`)
    symlinkSync(clone.path('dilithion-node'), link)
    const { stdout, stderr } = launch(clone, link)
    expect([stderr, JSON.parse(stdout)]).toEqual(['', args])
  })

  it.each([
    ['16', undefined, '17'],
    ['2', undefined, 'none'],
    ['16', '6', '6'],
  ])('has the pool of threads fit %s processors, where %s was said: %s', (processors, said, size) => {
    const clone = readyClone()
    clone.write('dist/bin/dilithion-node.js', "console.log(process.env.UV_THREADPOOL_SIZE ?? 'none')")
    clone.write('bin/nproc', `#!/bin/sh\necho ${processors}\n`)
    chmodSync(clone.path('bin/nproc'), 0o755)
    const path = `${clone.path('bin')}:/usr/bin:/bin:${dirname(process.execPath)}`
    const env = { PATH: path, ...(said === undefined ? {} : { UV_THREADPOOL_SIZE: said }) }
    const { stdout } = spawnSync(clone.path('dilithion-node'), [], { cwd: folder, env, encoding: 'utf8' })
    expect(stdout).toBe(`${size}\n`)
  })

  it('starts nothing when preparing fails', () => {
    const clone = readyClone()
    appendFileSync(clone.path('src/x.ts'), 'x')
    clone.write('build-fails', '')
    const { status, stdout, stderr } = launch(clone)
    expect([status, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(/\ndilithion: the build failed: /)
  })

  it('says that Node.js is missing', () => {
    const clone = readyClone()
    const tools = clone.path('tools')
    mkdirSync(tools)
    for (const tool of ['dirname', 'readlink', 'find', 'head']) {
      const found = ['/usr/bin', '/bin'].map((place) => join(place, tool)).find((path) => existsSync(path))
      symlinkSync(found ?? tool, join(tools, tool))
    }
    const options = { env: { PATH: tools }, encoding: 'utf8' } as const
    const { status, stderr } = spawnSync('/bin/sh', [clone.path('dilithion-node')], options)
    expect(status).toBe(1)
    expect(stderr).toMatch(/^dilithion-node: Node\.js 20\.19 or newer is needed, .*\n$/)
  })
})
