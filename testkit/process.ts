/**
 * Real nodes for tests: child processes of the launcher at the root of this tree, each with a home and a data
 * directory of its own, whose output can be waited for. A Lab owns the processes and folders of one test file
 * and takes them away at its end, whatever happened.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { Changes, DEADLINE_MS } from './changes.ts'

const ROOT = resolve(import.meta.dirname, '..')
const STAMP = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} /
const P2P_PORT = /^\[P2P\] Listening on (?:port |.*:)(\d+)$|"event":"listening","port":(\d+)/
const RPC_PORT = /^\[RPC\] Listening on .*:(\d+)$|"event":"rpcListening","port":(\d+)/
const SHOWN_LINES = 40
/** The program that a user starts. */
export const LAUNCHER = join(ROOT, 'dilithion-node')
let isPrepared = false

export interface StartOptions {
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Default: a new one per node. */
  readonly home?: string
  /** Default: a new one per node; undefined for the program's own default below its home. */
  readonly dataDir?: string | undefined
  /** Leave `--port` and `--rpcport` to the arguments; otherwise both are 0, which means any free one. */
  readonly ownPorts?: boolean
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** Milliseconds from the start of the process. */
  readonly afterMs: number
}

/** What a node keeps at every end, however short its life was. */
const KEPT: ReadonlySet<string> = new Set(['chain', 'mempool.dlt'])

/** What else stands in a data directory. */
export function filesIn(dataDir: string): string[] {
  return readdirSync(dataDir)
    .filter((name) => !KEPT.has(name))
    .sort()
}

/** A port that was free a moment ago, for nodes that must know their own before they start. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

export interface FoundLine {
  readonly text: string
  readonly index: number
  readonly match: RegExpExecArray
}

export class NodeProcess {
  /** Lines of standard output without the time in front. */
  readonly log: string[] = []
  /** The times, by line number; empty for lines that have none. */
  readonly stamps: string[] = []
  readonly errors: string[] = []
  readonly home: string
  readonly dataDir: string
  readonly child: ChildProcess
  readonly #changes = new Changes()
  readonly #startedAt = performance.now()
  #exit: Exit | undefined
  #openStreams = 2

  constructor(child: ChildProcess, home: string, dataDir: string) {
    this.child = child
    this.home = home
    this.dataDir = dataDir
    this.#collect(child.stdout, (line) => {
      this.stamps.push(STAMP.exec(line)?.[0].trim() ?? '')
      this.log.push(line.replace(STAMP, ''))
    })
    this.#collect(child.stderr, (line) => this.errors.push(line))
    child.once('exit', (code, signal) => {
      this.#exit = { code, signal, afterMs: performance.now() - this.#startedAt }
      this.#changes.notify()
    })
  }

  get pid(): number {
    return this.child.pid ?? 0
  }

  get hasExited(): boolean {
    return this.#exit !== undefined
  }

  /** The first line, from number `from` on, that the pattern fits. Rejects if the process ends before. */
  waitForLine(pattern: RegExp | string, from = 0, timeoutMs = DEADLINE_MS): Promise<FoundLine> {
    const expression = typeof pattern === 'string' ? literally(pattern) : pattern
    let next = from
    const look = (): FoundLine | undefined => {
      for (; next < this.log.length; next++) {
        const text = this.log[next] ?? ''
        const match = expression.exec(text)
        if (match !== null) return { text, index: next, match }
      }
      if (this.#exit !== undefined && this.#openStreams === 0) {
        throw new Error(`the node ended without the line ${String(pattern)}\n${this.describe()}`)
      }
      return undefined
    }
    return this.#changes.until(look, () => `line ${String(pattern)}\n${this.describe()}`, timeoutMs)
  }

  /** Waits for the lines in this order, others may stand between. Returns the texts found. */
  async waitForLines(patterns: readonly (RegExp | string)[], from = 0): Promise<string[]> {
    const texts: string[] = []
    let next = from
    for (const pattern of patterns) {
      const { text, index } = await this.waitForLine(pattern, next)
      texts.push(text)
      next = index + 1
    }
    return texts
  }

  count(pattern: RegExp | string): number {
    const expression = typeof pattern === 'string' ? literally(pattern) : pattern
    return this.log.filter((line) => expression.test(line)).length
  }

  /** Resolves when the process has ended and all its output is here. */
  waitForExit(timeoutMs = DEADLINE_MS): Promise<Exit> {
    const ended = (): Exit | undefined => (this.#openStreams === 0 ? this.#exit : undefined)
    return this.#changes.until(ended, () => `end of the process\n${this.describe()}`, timeoutMs)
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name)
  }

  /** Sends the signal and waits for the end. Returns how it ended, with the time since the signal. */
  async stop(name: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    const before = performance.now()
    this.signal(name)
    const exit = await this.waitForExit()
    return { ...exit, afterMs: exit.afterMs + this.#startedAt - before }
  }

  /** The port for peers, once it listens. */
  async p2pPort(): Promise<number> {
    const { match } = await this.waitForLine(P2P_PORT)
    return Number(match[1] ?? match[2])
  }

  async rpcPort(): Promise<number> {
    const { match } = await this.waitForLine(RPC_PORT)
    return Number(match[1] ?? match[2])
  }

  /** Calls an RPC method with the cookie of the data directory. Rejects with the message of an error reply. */
  async rpc(method: string, ...params: unknown[]): Promise<unknown> {
    const auth = readFileSync(join(this.dataDir, '.cookie'), 'utf8')
    return callRpc(await this.rpcPort(), auth, method, params)
  }

  /** Memory of the process in bytes: now, and the most it ever had. */
  memory(): { readonly rss: number; readonly peak: number } {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8')
    const field = (name: string): number => {
      return 1_024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1])
    }
    return { rss: field('VmRSS'), peak: field('VmHWM') }
  }

  describe(): string {
    const tail = (lines: readonly string[]): string => lines.slice(-SHOWN_LINES).join('\n')
    const state = this.#exit === undefined ? 'running' : JSON.stringify(this.#exit)
    return `--- output (${state})\n${tail(this.log)}\n--- errors\n${tail(this.errors)}`
  }

  #collect(stream: ChildProcess['stdout'], take: (line: string) => void): void {
    if (stream === null) {
      this.#openStreams--
      return
    }
    const lines = createInterface({ input: stream })
    lines.on('line', (line) => {
      take(line)
      this.#changes.notify()
    })
    let isOpen = true
    const close = (): void => {
      if (isOpen) this.#openStreams--
      isOpen = false
      this.#changes.notify()
    }
    lines.once('close', close)
    // What a test has destroyed ends without a last line.
    stream.once('close', close)
  }
}

export class Lab {
  readonly folder = mkdtempSync(join(tmpdir(), 'dilithion-e2e-'))
  readonly #processes: NodeProcess[] = []
  readonly #closers: (() => unknown)[] = []
  #folders = 0
  readonly #onExit = (): void => this.#kill()

  constructor() {
    process.once('exit', this.#onExit)
    // A build that is due happens here, so that no test finds its messages in the output of a node.
    if (!isPrepared) execFileSync(LAUNCHER, ['--version'], { stdio: 'ignore' })
    isPrepared = true
  }

  /** An empty folder. */
  newFolder(): string {
    const path = join(this.folder, String(++this.#folders))
    mkdirSync(path)
    return path
  }

  /** Something else to be closed at the end. */
  atEnd<T extends { close(): unknown }>(thing: T): T {
    this.#closers.push(() => thing.close())
    return thing
  }

  start(options: StartOptions = {}): NodeProcess {
    const home = options.home ?? this.newFolder()
    const dataDir = 'dataDir' in options ? options.dataDir : join(home, 'data')
    const args = [
      ...(options.ownPorts === true ? [] : ['--port=0', '--rpcport=0']),
      ...(dataDir === undefined ? [] : [`--datadir=${dataDir}`]),
      ...(options.args ?? []),
    ]
    return this.spawn(LAUNCHER, args, { ...options, home, dataDir: dataDir ?? home })
  }

  /** Starts a node and waits until it listens. */
  async startListening(options: StartOptions = {}): Promise<{ node: NodeProcess; port: number }> {
    const node = this.start(options)
    return { node, port: await node.p2pPort() }
  }

  /** Any program, with a clean environment. */
  spawn(
    command: string,
    args: readonly string[],
    options: Pick<StartOptions, 'cwd' | 'env'> & { readonly home: string; readonly dataDir: string },
  ): NodeProcess {
    const { home, dataDir, cwd = home, env = {} } = options
    const path = process.env['PATH'] ?? ''
    const child = spawn(command, args, {
      cwd,
      // Tests reach nobody but each other, whatever network they name.
      env: { PATH: path, HOME: home, DILITHION_CONNECT: '0', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const started = new NodeProcess(child, home, dataDir)
    this.#processes.push(started)
    return started
  }

  /** Ends everything that was started and removes all folders. */
  async close(): Promise<void> {
    process.off('exit', this.#onExit)
    for (const close of this.#closers) await close()
    this.#kill()
    await Promise.all(this.#processes.map((each) => each.waitForExit()))
    rmSync(this.folder, { recursive: true, force: true })
  }

  #kill(): void {
    for (const each of this.#processes) if (!each.hasExited) each.signal('SIGKILL')
  }
}

/** Calls a method over HTTP. `auth`: "user:password". Rejects with the message of an error reply. */
export function callRpc(
  port: number,
  auth: string,
  method: string,
  params: readonly unknown[],
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const headers = { 'X-Dilithion-RPC': '1', 'Content-Type': 'application/json' }
    const options = { host: '127.0.0.1', port, method: 'POST', auth, headers, agent: false } as const
    const sent = request(options, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => {
        text += part
      })
      response.on('end', () => {
        const { result, error } = JSON.parse(text) as { result?: unknown; error?: { message: string } }
        if (error === undefined) resolve(result)
        else reject(new Error(error.message))
      })
    })
    sent.on('error', reject)
    sent.end(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }))
  })
}

function literally(text: string): RegExp {
  return new RegExp(`^${text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`)
}
