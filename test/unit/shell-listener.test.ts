/** Accepting when file descriptors run short: newcomers are refused, nobody else notices, and it passes. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Server, type Socket } from 'node:net'
import { resolve } from 'node:path'
import { buildSync } from 'esbuild'
import { afterEach, describe, expect, it } from 'vitest'
import { ACCEPT_TROUBLE_INTERVAL_MS } from '../../src/params/limits.ts'
import { Descriptors } from '../../src/shell/descriptors.ts'
import { Listener } from '../../src/shell/listener.ts'
import { eventually } from '../../testkit/changes.ts'

const ends: (() => void)[] = []
afterEach(() => {
  for (const end of ends.splice(0)) end()
})

/** A listener in whose hands everything is that it looks at. */
class Bench {
  spare = true
  nowMs = 0
  readonly accepted: Socket[] = []
  readonly troubles: string[] = []
  readonly servers: Server[] = []
  readonly listener = new Listener({
    accepted: (socket) => {
      this.accepted.push(socket)
      socket.on('error', () => undefined).resume()
    },
    trouble: (text) => this.troubles.push(text),
    nowMs: () => this.nowMs,
    descriptors: { hasSpare: () => this.spare },
    onServer: (server) => this.servers.push(server),
  })
  port = 0

  static async open(): Promise<Bench> {
    const bench = new Bench()
    bench.port = await bench.listener.listen(0, '127.0.0.1')
    ends.push(() => {
      bench.listener.close()
      for (const socket of bench.accepted) socket.destroy()
    })
    return bench
  }

  async knock(): Promise<Socket> {
    const socket = connect(this.port, '127.0.0.1').resume()
    ends.push(() => socket.destroy())
    socket.on('error', () => undefined)
    await once(socket, 'connect')
    return socket
  }

  /** Resolves when so many are in. */
  has(count: number): Promise<true> {
    return eventually(() => (this.accepted.length === count ? true : undefined), `${count} connections`)
  }
}

describe('a listener short of descriptors', () => {
  it('refuses newcomers until there are some again, and leaves the others alone', async () => {
    const bench = await Bench.open()
    const first = await bench.knock()
    await bench.has(1)
    bench.spare = false
    await once(await bench.knock(), 'close')
    expect(bench.accepted).toHaveLength(1)
    expect(first.destroyed).toBe(false)
    bench.spare = true
    await bench.knock()
    await bench.has(2)
  })

  it('says so once a minute at most', async () => {
    const bench = await Bench.open()
    bench.spare = false
    const text = 'too many open files, newcomers are refused'
    for (let i = 0; i < 5; i++) await once(await bench.knock(), 'close')
    expect(bench.troubles).toEqual([text])
    bench.nowMs += ACCEPT_TROUBLE_INTERVAL_MS
    for (let i = 0; i < 5; i++) await once(await bench.knock(), 'close')
    expect(bench.troubles).toEqual([text, text])
  })

  it.each(['EMFILE', 'ENFILE'])('rests for a moment if the system can not accept (%s)', async (code) => {
    const bench = await Bench.open()
    const first = await bench.knock()
    await bench.has(1)
    const error = Object.assign(new Error(code), { code })
    for (let i = 0; i < 100; i++) bench.servers[0]?.emit('error', error)
    expect(bench.servers[0]?.listening).toBe(false)
    expect(bench.troubles).toHaveLength(1)
    await eventually(() => (bench.servers[1]?.listening === true ? true : undefined), 'the end of the rest')
    await bench.knock()
    await bench.has(2)
    expect(first.destroyed).toBe(false)
    expect(bench.servers).toHaveLength(2)
  })

  it('stays closed if it is closed while it rests', async () => {
    const bench = await Bench.open()
    bench.servers[0]?.emit('error', Object.assign(new Error('EMFILE'), { code: 'EMFILE' }))
    bench.listener.close()
    const other = new Bench()
    ends.push(() => other.listener.close())
    expect(await other.listener.listen(bench.port, '127.0.0.1')).toBe(bench.port)
    expect(bench.servers).toHaveLength(1)
  })

  it('goes on listening after other errors', async () => {
    const bench = await Bench.open()
    bench.servers[0]?.emit('error', Object.assign(new Error('ECONNABORTED'), { code: 'ECONNABORTED' }))
    expect(bench.troubles).toEqual(['ECONNABORTED'])
    await bench.knock()
    await bench.has(1)
  })
})

describe('Descriptors', () => {
  it('has some to spare in the ordinary case', () => {
    expect(new Descriptors().hasSpare()).toBe(true)
    expect(new Descriptors(Number.POSITIVE_INFINITY).hasSpare()).toBe(true)
  })

  it('has none if a new one would be among the reserve', () => {
    expect(new Descriptors(0).hasSpare()).toBe(false)
  })

  it.each([
    [100, 25],
    [400, 48],
  ])('of a process that may have %i open keeps %i in reserve', async (limit, reserve) => {
    const program = `
      import { openSync } from 'node:fs'
      import { Descriptors } from './src/shell/descriptors.ts'
      const descriptors = new Descriptors()
      while (descriptors.hasSpare()) openSync('/dev/null')
      let left = 0
      try { for (;;) { openSync('/dev/null'); left++ } } catch {}
      process.stdout.write(String(left))
      process.exit()
    `
    const bundle = buildSync({
      stdin: { contents: program, resolveDir: resolve(import.meta.dirname, '../..') },
      bundle: true,
      format: 'esm',
      platform: 'node',
      write: false,
    })
    const command = `ulimit -n ${limit}; exec "${process.execPath}" --input-type=module`
    const child = spawn('/bin/sh', ['-c', command], { stdio: ['pipe', 'pipe', 'inherit'] })
    child.stdin.end(bundle.outputFiles[0]?.text)
    let output = ''
    child.stdout.on('data', (chunk: Uint8Array) => {
      output += Buffer.from(chunk).toString()
    })
    await once(child, 'close')
    expect(output).toBe(String(reserve))
  })
})
