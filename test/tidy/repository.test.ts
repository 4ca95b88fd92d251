/** What must never be in the repository, and what its parts promise each other. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { optionRows } from '../../src/node/options.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .split('\n')
  .filter((path) => path !== '' && existsSync(join(ROOT, path)))

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')
const texts = tracked.filter((path) =>
  /\.(ts|mjs|json|md|sh|ya?ml)$|^dilithion-|^\.ci\/|^LICENSE$/.test(path),
)

describe('repository', () => {
  it.each([
    // Written in pieces, so that this file does not contain them.
    ['paths of a machine', new RegExp(`/(${['home', 'root', 'work', 'Users'].join('|')})/[a-z]+/`)],
    ['a registry host', new RegExp(['registry', 'npmjs'].join('\\.'))],
    ['the folder with the specification', new RegExp(['\\.\\./', 'shared/'].join(''))],
  ])('has no %s', (_, pattern) => {
    const found = texts.filter((path) => pattern.test(read(path)))
    expect(found).toEqual([])
  })

  it('has no links, which lead elsewhere on another machine', () => {
    const files = execFileSync('git', ['ls-files', '--stage'], { cwd: ROOT, encoding: 'utf8' }).split('\n')
    expect(files.filter((file) => file.startsWith('120000'))).toEqual([])
  })

  it('has no skipped or focused tests', () => {
    const words = ['skip', 'only', 'todo'].join('|')
    const pattern = new RegExp(`\\b(it|test|describe)\\.(${words})\\b`)
    expect(
      tracked.filter((path) => path.startsWith('test/') && path.endsWith('.ts') && pattern.test(read(path))),
    ).toEqual([])
  })

  it('silences no compiler and no linter', () => {
    const pattern = new RegExp(
      ['@ts-' + '(ignore|expect-error|nocheck)', 'biome-' + 'ignore', ': an' + 'y\\b', 'as an' + 'y\\b'].join(
        '|',
      ),
    )
    expect(
      tracked.filter(
        (path) => /\.(ts|mjs)$/.test(path) && pattern.test(read(path).replace(/\/\*[\s\S]*?\*\//g, '')),
      ),
    ).toEqual([])
  })

  it('pins every dependency', () => {
    const parsed: unknown = JSON.parse(read('package.json'))
    const { dependencies, devDependencies } = parsed as Record<string, Record<string, string>>
    for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
      expect(version, name).toMatch(/^\d+\.\d+\.\d+$/)
    }
  })

  it('explains every run-time dependency in docs/adr', () => {
    const parsed: unknown = JSON.parse(read('package.json'))
    const { dependencies } = parsed as { dependencies: Record<string, string> }
    const adrs = tracked
      .filter((path) => path.startsWith('docs/adr/'))
      .map(read)
      .join('\n')
    for (const name of Object.keys(dependencies)) expect(adrs, name).toContain(name)
  })

  it('documents every option in the README', () => {
    const readme = read('README.md')
    for (const { name } of optionRows) expect(readme).toContain(`--${name}`)
  })

  it('documents every limit in docs/LIMITS.md', () => {
    const files = ['limits', 'sync-limits', 'transaction-limits', 'wallet-limits'].map(
      (name) => `src/params/${name}.ts`,
    )
    const names = [
      ...files
        .map(read)
        .join('\n')
        .matchAll(/^export const (\w+)/gm),
    ].map((match) => match[1] ?? '')
    const limits = read('docs/LIMITS.md')
    for (const name of names) expect(limits).toContain(name)
  })

  it('links only to files that exist', () => {
    for (const path of tracked.filter((p) => p.endsWith('.md'))) {
      for (const [, target = ''] of read(path).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)) {
        expect(existsSync(resolve(ROOT, path, '..', target)), `${path} -> ${target}`).toBe(true)
      }
    }
  })

  it('names tests in docs/founding-plan.md that exist', () => {
    const named = [...read('docs/founding-plan.md').matchAll(/`(test\/[^`]+\.test\.ts)` "([^"]+)"/g)]
    expect(named.length).toBeGreaterThan(25)
    for (const [, path = '', title = ''] of named) {
      expect(existsSync(join(ROOT, path)) && read(path).includes(`'${title}'`), `${path} "${title}"`).toBe(
        true,
      )
    }
  })
})
