/**
 * Makes a clone ready to run: installs the locked dependencies, builds, and sees to the library RandomX, each only
 * where it is missing or out of date. Several may call it at once; one works, the others wait. Needs nothing but Node
 * and npm.
 */
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { hasRandomX, planRandomX } from './randomx.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const lockDir = join(root, '.dilithion-prepare')
const MIN_NODE = [20, 19]
let lockIsOurs = false

export async function prepare({ library }) {
  checkNode()
  if (isReady(library) && (await hasRandomX())) return
  await lock()
  try {
    if (!isReady(library)) await installAndBuild(library)
    if (!(await hasRandomX())) await seeToRandomX()
  } finally {
    unlock()
  }
}

async function installAndBuild(library) {
  const first = 'First start: preparing this clone (once, about a minute).'
  say(isInstalled() ? 'Building the current sources.' : first)
  if (!isInstalled()) await step('installing the locked dependencies', install)
  if (isBuilt(library)) return
  const { build } = await import(pathToFileURL(join(root, 'scripts/build.mjs')).href)
  await step('building', () => buildAll(build, library))
}

/** Whatever comes of it: there is enough that a node does without. */
async function seeToRandomX() {
  const { install, advice } = planRandomX()
  if (install !== undefined) await step('installing the library RandomX by apt-get', install)
  if (!(await hasRandomX())) say(`dilithion: ${advice}`)
}

async function buildAll(build, library) {
  // By the file system's clock, which may lag behind the system's.
  const startedAt = statSync(join(lockDir, 'pid')).mtime
  try {
    // A rebuild for the programs must not take the library away.
    await build({ library: library || existsSync(join(root, 'dist/.built-lib')) })
  } catch (error) {
    fail(`the build failed: ${error.message}`)
  }
  // What changed while the build ran may not be in it.
  for (const mark of ['.built', '.built-lib']) {
    const path = join(root, 'dist', mark)
    if (existsSync(path)) utimesSync(path, startedAt, startedAt)
  }
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > MIN_NODE[0] || (major === MIN_NODE[0] && minor >= MIN_NODE[1])) return
  fail(
    `Node.js ${MIN_NODE.join('.')} or newer is needed, this is ${process.versions.node}: see https://nodejs.org`,
  )
}

const isReady = (library) => isInstalled() && isBuilt(library)

/** npm keeps the list of what it has installed, and writes it last. */
function isInstalled() {
  const list = join(root, 'node_modules/.package-lock.json')
  if (!existsSync(list)) return false
  const installed = packagesIn(list)
  return Object.entries(packagesIn(join(root, 'package-lock.json'))).every(
    ([path, { version, optional }]) => {
      // The package itself is in one list only, and packages for other systems may be.
      if (path === '') return true
      return installed[path] === undefined ? optional === true : installed[path].version === version
    },
  )
}

function packagesIn(path) {
  return JSON.parse(readFileSync(path, 'utf8')).packages
}

function isBuilt(library) {
  const mark = join(root, 'dist', library ? '.built-lib' : '.built')
  if (!existsSync(mark)) return false
  const builtAt = statSync(mark).mtimeMs
  const inputs = [
    'src',
    'package.json',
    'package-lock.json',
    'scripts/build.mjs',
    'tsconfig.json',
    'tsconfig.build.json',
  ]
  return inputs.every((path) => newest(join(root, path)) < builtAt)
}

/** Folders count too: a file that was removed changes its folder. */
function newest(path) {
  const info = statSync(path, { throwIfNoEntry: false })
  if (info === undefined) return 0
  if (!info.isDirectory()) return info.mtimeMs
  return readdirSync(path).reduce((time, name) => Math.max(time, newest(join(path, name))), info.mtimeMs)
}

function install() {
  const args = ['ci', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  const options = {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
    shell: process.platform === 'win32',
  }
  const { status, error, stderr } = spawnSync('npm', args, options)
  if (error !== undefined) fail(`npm could not be started (${error.message}): it comes with Node.js`)
  if (status === 0) return
  say(stderr.split('\n').slice(0, 12).join('\n'))
  fail('npm could not install the dependencies: is the package registry reachable?')
}

async function lock() {
  for (let told = false; ; told = true) {
    try {
      mkdirSync(lockDir)
      lockIsOurs = true
      writeFileSync(join(lockDir, 'pid'), String(process.pid))
      return
    } catch (error) {
      if (error.code !== 'EEXIST')
        fail(`this clone can't be written to, so nothing can be built: ${error.code}`)
    }
    if (holderIsGone()) rmSync(lockDir, { recursive: true, force: true })
    else if (!told) say('Another start is preparing already: waiting for it.')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** Whoever does not hold the lock leaves it alone. */
function unlock() {
  if (lockIsOurs) rmSync(lockDir, { recursive: true, force: true })
  lockIsOurs = false
}

function holderIsGone() {
  try {
    const pid = Number(readFileSync(join(lockDir, 'pid'), 'utf8'))
    if (pid > 0) return !process.kill(pid, 0)
    return lockAgeMs() > 5_000
  } catch (error) {
    return error.code === 'ESRCH' || (error.code === 'ENOENT' && lockAgeMs() > 5_000)
  }
}

function lockAgeMs() {
  return existsSync(lockDir) ? Date.now() - statSync(lockDir).mtimeMs : 0
}

async function step(what, work) {
  const startedAt = Date.now()
  say(`  ${what} ...`)
  await work()
  say(`  done in ${((Date.now() - startedAt) / 1_000).toFixed(1)} s`)
}

function say(text) {
  process.stderr.write(`${text}\n`)
}

function fail(text) {
  say(`dilithion: ${text}`)
  unlock()
  process.exit(1)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await prepare({ library: process.argv.includes('--library') })
}
