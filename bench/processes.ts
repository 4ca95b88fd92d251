/** Processes of a benchmark: the servers that are measured, and the load generator. Linux only where memory is read. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { callRpc } from '../testkit/process.ts'

/** Where all files of this run are; it goes with it, as do processes that still run, whatever ends it. */
export const scratchDir = mkdtempSync(join(tmpdir(), 'dilithion-bench-'))
const children = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(scratchDir, { recursive: true, force: true })
})

export function startChild(command: readonly string[], stdin: 'ignore' | 'pipe'): ChildProcess {
  const [file = '', ...args] = command
  const child = spawn(file, args, { stdio: [stdin, 'pipe', 'inherit'] })
  children.add(child)
  child.once('exit', () => children.delete(child))
  return child
}

const START_TIMEOUT_MS = 10_000
const STOP_TIMEOUT_MS = 5_000

/** What is measured: a build of the node, or a bare server. */
export interface Subject {
  readonly name: string
  readonly isNode: boolean
  /** Arguments for Node that start it; `dataDir` is its own. */
  command(dataDir: string, maxConnections: number): readonly string[]
}

/** Makes V8 collect garbage on SIGUSR2, so that memory that is used can be told from memory that is not yet free. */
const GC_ON_SIGNAL = `data:text/javascript,process.on('SIGUSR2',()=>{gc();gc()})`

const LOOP_FILE = 'loop.bench'

/**
 * Writes a line whenever a turn of the event loop has taken long: when it ended (Unix milliseconds), how long it was, and
 * how much of that the main thread had a processor, which is what the program itself is to blame for.
 */
function watchLoop(path: string): string {
  return `data:text/javascript,${encodeURIComponent(`
    import { appendFileSync, readFileSync } from 'node:fs'
    const used = () => Number(readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ')[0]) / 1e6
    let at = performance.now(), before = used()
    const look = () => {
      const now = performance.now(), cpu = used()
      if (now - at > 8) appendFileSync(${JSON.stringify(path)}, [performance.timeOrigin + now, now - at, cpu - before].join(' ') + '\\n')
      at = now
      before = cpu
      setTimeout(look, 2).unref()
    }
    setTimeout(look, 2).unref()`)}`
}

/** A turn of the event loop that took long. */
export interface LongTurn {
  /** Unix milliseconds. */
  readonly endedAt: number
  readonly ms: number
  /** Of that with a processor. */
  readonly cpuMs: number
}

/** What a thread has had of a processor so far, and how long it waited for one, in milliseconds. */
export interface ThreadTime {
  readonly id: number
  readonly ranMs: number
  readonly waitedMs: number
}

export interface ServerOptions {
  /** Note long turns of the event loop. */
  readonly watchLoop?: boolean
  readonly maxConnections?: number
  readonly collectOnSignal?: boolean
  /** Puts something into the data directory before the start. */
  readonly prepare?: (dataDir: string) => void
  /** Further options of the program. */
  readonly more?: readonly string[]
}

export class Server {
  readonly subject: Subject
  readonly port: number
  /** From the start of the process until it said that it listens. */
  readonly startMs: number
  readonly #child: ChildProcess
  readonly #dataDir: string
  readonly #rpcPort: number

  private constructor(
    subject: Subject,
    child: ChildProcess,
    dataDir: string,
    { port, rpcPort }: Ports,
    startMs: number,
  ) {
    this.subject = subject
    this.#child = child
    this.#dataDir = dataDir
    this.port = port
    this.#rpcPort = rpcPort
    this.startMs = startMs
  }

  static async start(subject: Subject, options: ServerOptions = {}): Promise<Server> {
    const dataDir = mkdtempSync(join(scratchDir, 'data-'))
    options.prepare?.(dataDir)
    const gc = options.collectOnSignal === true ? ['--expose-gc', '--import', GC_ON_SIGNAL] : []
    const startedAt = performance.now()
    const command = subject.command(dataDir, options.maxConnections ?? 200)
    const watch = options.watchLoop === true ? ['--import', watchLoop(join(dataDir, LOOP_FILE))] : []
    const args = [...gc, ...watch, ...command, ...(options.more ?? [])]
    const child = startChild([process.execPath, ...args], 'ignore')
    const ports = await listeningPorts(child)
    return new Server(subject, child, dataDir, ports, performance.now() - startedAt)
  }

  /** Asks a node. Rejects with the message of an error reply. */
  rpc(method: string, ...params: unknown[]): Promise<unknown> {
    const cookie = readFileSync(join(this.#dataDir, '.cookie'), 'utf8')
    return callRpc(this.#rpcPort, cookie, method, params)
  }

  /** Those since a time, if it watches its loop. */
  longTurns(since: number): LongTurn[] {
    const path = join(this.#dataDir, LOOP_FILE)
    const lines = existsSync(path) ? readFileSync(path, 'latin1').split('\n').filter(Boolean) : []
    return lines
      .map((line) => line.split(' ').map(Number))
      .map(([endedAt = 0, ms = 0, cpuMs = 0]) => ({ endedAt, ms, cpuMs }))
      .filter(({ endedAt }) => endedAt >= since)
  }

  /** Resident memory in bytes. */
  memoryBytes(): number {
    const text = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8')
    return 1_024 * Number(/^VmRSS:\s+(\d+) kB/m.exec(text)?.[1])
  }

  /** Processor time of all threads so far, in microseconds. */
  cpuUs(): number {
    return 1_000 * this.threads().reduce((sum, { ranMs }) => sum + ranMs, 0)
  }

  /** Of all threads, the main one first. */
  threads(): ThreadTime[] {
    const tasks = `/proc/${this.#child.pid}/task`
    return readdirSync(tasks).map((task) => {
      const [ran = '', waited = ''] = readFileSync(`${tasks}/${task}/schedstat`, 'latin1').split(' ')
      return { id: Number(task), ranMs: Number(ran) / 1e6, waitedMs: Number(waited) / 1e6 }
    })
  }

  collectGarbage(): void {
    this.#child.kill('SIGUSR2')
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM')
    const guard = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS)
    await ended(this.#child)
    clearTimeout(guard)
    rmSync(this.#dataDir, { recursive: true, force: true })
  }
}

function ended(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode)
  return new Promise((resolve) => child.once('close', resolve))
}

interface Ports {
  readonly port: number
  /** 0 where there is none. */
  readonly rpcPort: number
}

/** Waits for the line that tells the port for peers, and goes on reading so that the log never blocks its writer. */
function listeningPorts(child: ChildProcess): Promise<Ports> {
  return new Promise((resolve, reject) => {
    let text = ''
    const guard = setTimeout(() => reject(new Error(`not listening in time:\n${text}`)), START_TIMEOUT_MS)
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`ended with ${code} before it listened:\n${text}`)))
    const onText = (chunk: Buffer): void => {
      text += chunk.toString('latin1')
      const port = /^(?:.*\[P2P\] )?Listening on .*?(\d+)$/m.exec(text.slice(0, text.lastIndexOf('\n')))?.[1]
      if (port === undefined) return
      clearTimeout(guard)
      child.stdout?.off('data', onText)
      child.stdout?.resume()
      resolve({ port: Number(port), rpcPort: Number(/\[RPC\] Listening on .*?(\d+)$/m.exec(text)?.[1] ?? 0) })
    }
    child.stdout?.on('data', onText)
  })
}

/** The load generator's program and its files. */
export interface LoadProgram {
  readonly command: readonly string[]
  readonly dir: string
}

export interface Greeting {
  /** Bytes that the server answers to `version` and to `verack`; 0 for a server that does not shake hands. */
  readonly versionReply: number
  readonly verackReply: number
}

export type LoadResult = Readonly<Record<string, number>>

/** A run of the load generator; `result` comes with its first line. */
export class Load {
  readonly result: Promise<LoadResult>
  readonly #child: ChildProcess

  constructor(
    program: LoadProgram,
    mode: string,
    port: number,
    greeting: Greeting,
    numbers: readonly number[],
  ) {
    const words = [port, program.dir, greeting.versionReply, greeting.verackReply, ...numbers].map(String)
    this.#child = startChild([...program.command, mode, ...words], 'pipe')
    this.result = new Promise((resolve, reject) => {
      this.#child.once('error', reject)
      this.#child.once('exit', (code) => reject(new Error(`load ${mode} ended with ${code}`)))
      let text = ''
      this.#child.stdout?.on('data', (chunk: Buffer) => {
        text += chunk.toString()
        if (text.includes('\n')) resolve(parseResult(text))
      })
    })
  }

  async end(): Promise<void> {
    this.#child.stdin?.end()
    await ended(this.#child)
  }
}

function parseResult(text: string): LoadResult {
  const value: unknown = JSON.parse(text)
  if (typeof value !== 'object' || value === null) throw new Error(`not a result: ${text}`)
  return Object.fromEntries(Object.entries(value).map(([key, number]) => [key, Number(number)]))
}

/** Runs the load generator to its end. Adds `cpuUs`, what the server spent meanwhile. */
export async function runLoad(
  program: LoadProgram,
  mode: string,
  server: Server,
  greeting: Greeting,
  ...numbers: readonly number[]
): Promise<LoadResult> {
  const cpuBefore = server.cpuUs()
  const load = new Load(program, mode, server.port, greeting, numbers)
  const result = await load.result
  const cpuUs = server.cpuUs() - cpuBefore
  await load.end()
  return { ...result, cpuUs }
}
