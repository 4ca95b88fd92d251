/** The architecture as a test: imports run downward, core rooms do no I/O, files stay readable. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const SRC = resolve(import.meta.dirname, '../../src')

/** What each room may import, beside itself. */
const ROOMS: Record<string, readonly string[]> = {
  primitives: [],
  params: ['primitives'],
  wire: ['primitives', 'params'],
  script: ['primitives', 'params', 'wire'],
  chain: ['primitives', 'params', 'wire', 'script'],
  framing: ['primitives', 'params', 'wire'],
  peer: ['primitives', 'params', 'wire', 'framing'],
  pool: ['primitives', 'params', 'wire', 'peer'],
  sync: ['primitives', 'params', 'wire', 'chain', 'peer'],
  relay: ['primitives', 'params', 'wire', 'chain', 'mempool', 'peer'],
  mempool: ['primitives', 'params', 'wire', 'script', 'chain'],
  mining: ['primitives', 'params', 'wire', 'chain'],
  core: ['primitives', 'params', 'wire', 'chain', 'mempool', 'framing', 'peer', 'pool', 'sync', 'relay'],
  shell: ['primitives', 'params', 'chain', 'core'],
  crypto: ['primitives', 'params', 'script'],
  storage: ['primitives', 'params', 'chain'],
  wallet: ['primitives', 'params', 'wire', 'script', 'chain', 'crypto'],
  telemetry: ['primitives', 'wire', 'chain', 'mempool', 'peer', 'sync', 'core'],
  node: [
    'primitives',
    'params',
    'wire',
    'script',
    'chain',
    'mempool',
    'peer',
    'pool',
    'sync',
    'core',
    'shell',
    'crypto',
    'storage',
    'mining',
    'wallet',
  ],
  rpc: [
    'primitives',
    'params',
    'wire',
    'script',
    'chain',
    'mempool',
    'peer',
    'pool',
    'core',
    'mining',
    'wallet',
    'node',
  ],
  cli: ['primitives', 'params', 'telemetry', 'node', 'rpc'],
  '.': [
    'primitives',
    'params',
    'wire',
    'script',
    'chain',
    'mempool',
    'framing',
    'peer',
    'pool',
    'sync',
    'core',
    'crypto',
    'storage',
    'mining',
    'wallet',
    'node',
  ],
}

/** Deterministic and without I/O: one function of their inputs. */
const PURE = [
  'primitives',
  'params',
  'wire',
  'script',
  'chain',
  'mempool',
  'mining',
  'framing',
  'peer',
  'pool',
  'sync',
  'relay',
  'core',
]

/** A pure room may use the system's hash: it is a function, and several times faster than ours on large input. */
const ALLOWED_NODE_IMPORTS: Record<string, string> = { 'primitives/sha3.ts': 'node:crypto' }

const FORBIDDEN_IN_PURE: Record<string, RegExp> = {
  async: /\basync\b|\bawait\b|\bPromise\b/,
  clocks: /\bDate\b|\bperformance\b/,
  randomness: /Math\.random/,
  timers: /\bset(Timeout|Interval|Immediate)\b|\bqueueMicrotask\b/,
  process: /\bprocess\b\.|\bconsole\b/,
}

const MAX_FILE_LINES = 400

interface SourceFile {
  readonly path: string
  readonly room: string
  readonly text: string
  readonly code: string
  readonly imports: readonly string[]
}

function readSources(): SourceFile[] {
  return readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => {
      const text = readFileSync(join(SRC, path), 'utf8')
      const imports = [...text.matchAll(/(?:from|import\()\s*'([^']+)'/g)].map((match) => match[1] ?? '')
      return { path, room: roomOf(path), text, code: withoutComments(text), imports }
    })
}

function roomOf(path: string): string {
  return path.includes('/') ? (path.split('/')[0] ?? '') : '.'
}

function withoutComments(text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/^\s*\/\/.*$/gm, '')
    .replace(/'[^'\n]*'/g, "''")
}

const files = readSources()

describe('rooms', () => {
  it('finds the sources', () => {
    expect(files.length).toBeGreaterThan(30)
  })

  it.each(files.map((file) => [file.path, file] as const))('%s imports downward only', (_, file) => {
    const allowed = [file.room, ...(ROOMS[file.room] ?? [])]
    expect(Object.keys(ROOMS)).toContain(file.room)
    for (const specifier of file.imports.filter((s) => s.startsWith('.'))) {
      const target = relative(SRC, resolve(SRC, dirname(file.path), specifier))
      expect(allowed, `${file.path} imports ${specifier}`).toContain(roomOf(target))
    }
  })

  it.each(files.filter((file) => PURE.includes(file.room)).map((file) => [file.path, file] as const))(
    '%s does no I/O',
    (_, file) => {
      const outside = file.imports.filter((specifier) => !specifier.startsWith('.'))
      const allowed = ALLOWED_NODE_IMPORTS[file.path]
      expect(outside.filter((specifier) => specifier !== allowed)).toEqual([])
      for (const [what, pattern] of Object.entries(FORBIDDEN_IN_PURE)) {
        expect(pattern.exec(file.code)?.[0], `${file.path}: ${what}`).toBeUndefined()
      }
    },
  )

  it('passes no list of the chain as arguments: of so many as a block has outputs, the main thread has no stack for', () => {
    const users = files.filter(
      ({ room, code }) => room === 'chain' && /\.(push|unshift)\(.*\.\.\./.test(code),
    )
    expect(users.map((file) => file.path)).toEqual([])
  })

  it('calls foreign functions in one file, which is not loaded before they are needed', () => {
    const users = files.filter((file) => file.imports.includes('koffi'))
    expect(users.map((file) => file.path)).toEqual(['crypto/randomx-ffi.ts'])
    const statically = /^import (?!type\b).*from 'koffi'/m
    expect(users.filter((file) => statically.test(file.text))).toEqual([])
  })

  it.each(files.map((file) => [file.path, file] as const))('%s is short and says what it is', (_, file) => {
    expect(file.text.split('\n').length).toBeLessThanOrEqual(MAX_FILE_LINES)
    // Entry points of three lines and generated files speak for themselves.
    if (file.text.split('\n').length > 10) expect(file.text.trimStart().slice(0, 2)).toMatch(/\/\*|\/\//)
  })
})
