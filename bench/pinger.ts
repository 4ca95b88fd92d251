/** The program that pings several nodes, and what it has seen. */
import type { ChildProcess } from 'node:child_process'
import { createInterface, type Interface } from 'node:readline'
import { startChild } from './processes.ts'

export interface Pings {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  readonly count: number
}

export class Pinger {
  readonly #child: ChildProcess
  readonly #lines: Interface

  constructor(program: string, ports: readonly number[]) {
    this.#child = startChild([process.execPath, program, ...ports.map(String)], 'pipe')
    if (this.#child.stdout === null) throw new Error('no output')
    this.#lines = createInterface({ input: this.#child.stdout })
  }

  /** Of each node, in the order of the ports, since this was asked last. */
  async take(): Promise<Pings[]> {
    const line = new Promise<string>((resolve) => this.#lines.once('line', resolve))
    this.#child.stdin?.write('\n')
    const rows = JSON.parse(await line) as number[][]
    return rows.map(([p50Ms = 0, p99Ms = 0, maxMs = 0, count = 0]) => ({ p50Ms, p99Ms, maxMs, count }))
  }

  close(): void {
    this.#child.stdin?.end()
  }
}
