/**
 * Makes package-lock.json anew from package.json, with every platform's packages and without the addresses they
 * were fetched from: whoever installs uses the registry of his own configuration.
 */
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const folder = mkdtempSync(join(tmpdir(), 'dilithion-lock-'))
try {
  copyFileSync(join(root, 'package.json'), join(folder, 'package.json'))
  const args = [
    'install',
    '--package-lock-only',
    '--ignore-scripts',
    '--omit-lockfile-registry-resolved=false',
  ]
  const { status } = spawnSync('npm', args, { cwd: folder, stdio: ['ignore', 2, 2] })
  if (status !== 0) throw new Error('npm could not resolve the dependencies')
  const lock = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8'))
  for (const entry of Object.values(lock.packages)) delete entry.resolved
  writeFileSync(join(root, 'package-lock.json'), `${JSON.stringify(lock, null, 2)}\n`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
