/**
 * How preparing a clone sees to the library RandomX, in small clones that are otherwise ready. What loads libraries,
 * apt-get and sudo are stand-ins: nothing is installed.
 */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'

const ROOT = resolve(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'dilithion-prepare-randomx-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Loads what the file `libraries` names. */
const KOFFI = `
import { readFileSync } from 'node:fs'
export function load(name) {
  if (!readFileSync('libraries', 'utf8').split('\\n').includes(name)) throw new Error('no such library')
}
`
/** Knows the package once its lists were fetched, unless its servers are out of reach. */
const APT_GET = `#!/bin/sh
for word in "$@"; do case "$word" in
  --version) exit 0 ;;
  update) echo update >> calls; [ -e offline ] || : > lists ;;
  install) echo "install \${DEBIAN_FRONTEND}" >> calls; [ -e lists ] || exit 100; echo librandomx.so.0 > libraries ;;
esac; done
`
const SUDO = `#!/bin/sh
[ "$1" = -n ] || exit 1
[ -e asks-for-password ] && exit 1
shift; [ "$1" = true ] || echo sudo >> calls
exec "$@"
`

interface Outcome {
  readonly status: number | null
  readonly output: string
  readonly calls: string[]
}

let clones = 0

/** A clone that is ready but for the library. */
class Clone {
  readonly #root = join(folder, `clone ${++clones}`)

  constructor() {
    for (const name of ['scripts', 'src', 'bin', 'dist', 'node_modules/koffi']) {
      mkdirSync(join(this.#root, name), { recursive: true })
    }
    for (const name of ['prepare', 'randomx']) {
      copyFileSync(join(ROOT, `scripts/${name}.mjs`), join(this.#root, `scripts/${name}.mjs`))
    }
    for (const name of ['package-lock.json', 'node_modules/.package-lock.json']) {
      this.write(name, '{"packages":{}}')
    }
    this.write('node_modules/koffi/package.json', '{"type":"module","exports":"./koffi.js"}')
    this.write('node_modules/koffi/koffi.js', KOFFI)
    this.write('libraries', '')
    this.program('apt-get', APT_GET)
    this.program('sudo', SUDO)
    // Later than anything that it could be made of.
    this.write('dist/.built', '')
    const later = new Date(Date.now() + 3_600_000)
    utimesSync(join(this.#root, 'dist/.built'), later, later)
  }

  write(name: string, text: string): this {
    writeFileSync(join(this.#root, name), text)
    return this
  }

  program(name: string, text: string): void {
    this.write(`bin/${name}`, text)
    chmodSync(join(this.#root, 'bin', name), 0o755)
  }

  remove(name: string): this {
    rmSync(join(this.#root, name), { recursive: true })
    return this
  }

  prepare(uid: number, path = `${join(this.#root, 'bin')}:/usr/bin:/bin`): Outcome {
    this.write('calls', '')
    const system = "Object.defineProperty(process, 'platform', { value: 'linux' })"
    const user = `data:text/javascript,${encodeURIComponent(`${system};process.getuid = () => ${uid}`)}`
    const options = { cwd: this.#root, env: { PATH: path }, encoding: 'utf8' } as const
    const args = ['--import', user, 'scripts/prepare.mjs']
    const { status, stdout, stderr } = spawnSync(process.execPath, args, options)
    const calls = readFileSync(join(this.#root, 'calls'), 'utf8').split('\n').slice(0, -1)
    return { status, output: stdout + stderr, calls }
  }
}

const QUIET: Outcome = { status: 0, output: '', calls: [] }
const INSTALLED = /^ {2}installing the library RandomX by apt-get \.\.\.\n {2}done in \d+\.\d s\n$/
const ADVICE =
  "dilithion: without the library RandomX blocks of mainnet and testnet can't be checked: run 'sudo apt-get install librandomx0'\n"

describe('prepare, of RandomX', () => {
  it.each(['librandomx.so.0', 'librandomx.so', 'librandomx.dylib', 'randomx.dll'])(
    'has nothing to say where %s is there',
    (name) => {
      expect(new Clone().write('libraries', `${name}\n`).prepare(0)).toEqual(QUIET)
    },
  )

  it('installs it as root, with the lists of packages that are there', () => {
    const clone = new Clone().write('lists', '')
    const { status, output, calls } = clone.prepare(0)
    expect([status, calls]).toEqual([0, ['install noninteractive']])
    expect(output).toMatch(INSTALLED)
    expect(clone.prepare(0)).toEqual(QUIET)
  })

  it('fetches the lists where they do not know it', () => {
    const { status, output, calls } = new Clone().prepare(0)
    expect([status, calls]).toEqual([0, ['install noninteractive', 'update', 'install noninteractive']])
    expect(output).toMatch(INSTALLED)
  })

  it('installs it by a sudo that asks for no password', () => {
    const { status, output, calls } = new Clone().write('lists', '').prepare(1_000)
    expect([status, calls]).toEqual([0, ['sudo', 'install noninteractive']])
    expect(output).toMatch(INSTALLED)
  })

  it('says what to do where sudo asks for a password, and goes on', () => {
    const clone = new Clone().write('asks-for-password', '')
    expect(clone.prepare(1_000)).toEqual({ status: 0, output: ADVICE, calls: [] })
  })

  it('says what to do where the servers are out of reach, and goes on', () => {
    const { status, output, calls } = new Clone().write('offline', '').prepare(0)
    expect([status, calls]).toEqual([0, ['install noninteractive', 'update', 'install noninteractive']])
    expect(output).toMatch(/^ {2}installing .*\n {2}done .*\n/)
    expect(output).toContain(ADVICE)
  })

  it('says what to do on other systems, and goes on', () => {
    const clone = new Clone().remove('bin/apt-get')
    const { status, output, calls } = clone.prepare(0, join(folder, 'nothing-here'))
    expect([status, calls]).toEqual([0, []])
    expect(output).toMatch(
      /^dilithion: without the library RandomX .*: build librandomx and put it [^\n]+\n$/,
    )
  })

  it('leaves it to the node to say that nothing can be loaded', () => {
    expect(new Clone().remove('node_modules/koffi').prepare(0)).toEqual(QUIET)
  })
})
