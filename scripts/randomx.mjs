/**
 * Sees to the library RandomX, by which blocks of mainnet and testnet are checked: installs it where that needs no
 * question to anybody, as root or by a sudo that asks for no password, and says elsewhere what to do. Never fails.
 */
import { spawnSync } from 'node:child_process'

const PACKAGE = 'librandomx0'
/** The names that src/crypto/randomx-library.ts looks for. */
const NAMES = ['librandomx.so.0', 'librandomx.so', 'librandomx.dylib', 'randomx.dll']
/** Waits for another apt-get, but not for servers that don't answer. */
const APT_OPTIONS = [
  '-q',
  '-y',
  '-o=DPkg::Lock::Timeout=60',
  '-o=Acquire::Retries=0',
  '-o=Acquire::http::Timeout=15',
]
const APT_TIMEOUT_MS = 180_000

/** Can it be loaded? Also true where nothing can be loaded: then the library is not what is missing. */
export async function hasRandomX() {
  const koffi = await import('koffi').catch(() => undefined)
  return koffi === undefined || NAMES.some((name) => loads(koffi, name))
}

function loads({ load }, name) {
  try {
    load(name)
    return true
  } catch {
    return false
  }
}

/** What makes it present: `install` is undefined where that is left to the user, who is told `advice`. */
export function planRandomX() {
  const lacking = "without the library RandomX blocks of mainnet and testnet can't be checked"
  if (process.platform !== 'linux' || !succeeds(['apt-get', '--version'])) {
    return {
      install: undefined,
      advice: `${lacking}: build librandomx and put it where the system finds libraries`,
    }
  }
  const advice = `${lacking}: run 'sudo apt-get install ${PACKAGE}'`
  if (process.getuid() === 0) return { install: () => install([]), advice }
  return { install: succeeds(['sudo', '-n', 'true']) ? () => install(['sudo', '-n']) : undefined, advice }
}

/** The lists of packages are only fetched if those that are here lead nowhere. */
function install(asRoot) {
  const apt = [...asRoot, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', ...APT_OPTIONS]
  const attempt = [...apt, 'install', '--no-install-recommends', PACKAGE]
  if (succeeds(attempt)) return
  succeeds([...apt, 'update'])
  succeeds(attempt)
}

function succeeds([command, ...args]) {
  return spawnSync(command, args, { stdio: 'ignore', timeout: APT_TIMEOUT_MS }).status === 0
}
