/** The coverage-guided fuzz run as its user sees it; a short one, always the same. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const script = join(import.meta.dirname, '../../scripts/fuzz.mjs')
const run = (...args: string[]) => promisify(execFile)(process.execPath, [script, '--guided', ...args])

it('guided fuzzing finds new code, and nothing wrong in it', { timeout: 120_000 }, async () => {
  const { stdout } = await run('--inputs', '1500', '--seed', '20251122')
  const numbers = /^corpus (\d+), of which (\d+) were found\nblocks (\d+) of (\d+) /m.exec(stdout)?.slice(1)
  const [corpus = 0, found = 0, blocks = 0, known = 0] = numbers?.map(Number) ?? []
  expect(stdout).toContain('1500 inputs in ')
  expect(found).toBeGreaterThan(5)
  expect(corpus).toBeGreaterThan(200)
  expect(blocks).toBeGreaterThan(250)
  expect(known).toBeGreaterThan(blocks)
})
