/**
 * Everything that has to be right, in one command: prepares the clone, then format and lint, types, unused code,
 * generated files, and all tests. Arguments go to vitest, and then only tests are run.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { prepare } from './prepare.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const chosen = process.argv.slice(2)

await prepare({ library: true })
if (chosen.length === 0) {
  check('format and lint', 'biome', ['check', '--error-on-warnings', '.'])
  check('types', 'tsc', ['-p', 'tsconfig.json'])
  check('unused code and dependencies', 'knip', [])
  check('generated files', process.execPath, ['scripts/keccak-wasm.mjs', '--check'])
}
runTests()

function check(what, command, args) {
  const startedAt = Date.now()
  process.stdout.write(`${what} ... `)
  const { status, stdout, stderr } = spawnSync(local(command), args, { cwd: root, encoding: 'utf8' })
  if (status === 0) {
    process.stdout.write(`ok (${seconds(startedAt)})\n`)
    return
  }
  process.stdout.write(`failed\n${stdout}${stderr}\n`)
  process.exit(1)
}

/** Some of the simulations draw other worlds for each commit: what fails is repeated with the seed that is told here. */
function seedOfCommit() {
  const { status, stdout } = spawnSync('git', ['rev-parse', 'HEAD'], { cwd: root, encoding: 'utf8' })
  return status === 0 ? Number.parseInt(stdout.slice(0, 6), 16) : 1
}

function runTests() {
  process.env.SIM_SEED ??= String(seedOfCommit())
  process.stdout.write(`simulations with SIM_SEED=${process.env.SIM_SEED}\n`)
  const folder = mkdtempSync(join(tmpdir(), 'dilithion-test-'))
  const report = join(folder, 'report.json')
  try {
    const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...chosen]
    const { status } = spawnSync(local('vitest'), args, { cwd: root, stdio: 'inherit' })
    const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(report, 'utf8'))
    const skipped = numPendingTests > 0 ? `, ${numPendingTests} skipped` : ''
    process.stdout.write(`${numPassedTests} passed, ${numFailedTests} failed${skipped}\n`)
    process.exitCode = status === 0 && numPassedTests > 0 ? 0 : 1
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function local(command) {
  return command === process.execPath ? command : join(root, 'node_modules/.bin', command)
}

function seconds(startedAt) {
  return `${((Date.now() - startedAt) / 1_000).toFixed(1)} s`
}
