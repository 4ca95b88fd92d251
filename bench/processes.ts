/** Processes of a benchmark: the servers that are measured, and the load generator. Linux only where memory is read. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Where all files of this run are; it goes with it, as do processes that still run, whatever ends it. */
export const scratchDir = mkdtempSync(join(tmpdir(), 'dilithion-bench-'))
const children = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(scratchDir, { recursive: true, force: true })
})

function startChild(command: readonly string[], stdin: 'ignore' | 'pipe'): ChildProcess {
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

export interface ServerOptions {
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

  private constructor(subject: Subject, child: ChildProcess, dataDir: string, port: number, startMs: number) {
    this.subject = subject
    this.#child = child
    this.#dataDir = dataDir
    this.port = port
    this.startMs = startMs
  }

  static async start(subject: Subject, options: ServerOptions = {}): Promise<Server> {
    const dataDir = mkdtempSync(join(scratchDir, 'data-'))
    options.prepare?.(dataDir)
    const gc = options.collectOnSignal === true ? ['--expose-gc', '--import', GC_ON_SIGNAL] : []
    const startedAt = performance.now()
    const command = subject.command(dataDir, options.maxConnections ?? 200)
    const args = [...gc, ...command, ...(options.more ?? [])]
    const child = startChild([process.execPath, ...args], 'ignore')
    const port = await listeningPort(child)
    return new Server(subject, child, dataDir, port, performance.now() - startedAt)
  }

  /** Resident memory in bytes. */
  memoryBytes(): number {
    const text = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8')
    return 1_024 * Number(/^VmRSS:\s+(\d+) kB/m.exec(text)?.[1])
  }

  /** Processor time of all threads so far, in microseconds. */
  cpuUs(): number {
    const tasks = `/proc/${this.#child.pid}/task`
    let ns = 0
    for (const task of readdirSync(tasks)) {
      ns += Number(readFileSync(`${tasks}/${task}/schedstat`, 'latin1').split(' ')[0])
    }
    return ns / 1_000
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

/** Waits for the line that tells the port for peers, and goes on reading so that the log never blocks its writer. */
function listeningPort(child: ChildProcess): Promise<number> {
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
      resolve(Number(port))
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
