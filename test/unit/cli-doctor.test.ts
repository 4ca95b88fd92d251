/** `dilithion-cli doctor`: what the node says is wrong, and what is wrong when it says nothing. */
import { EventEmitter } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type CliIo, runCli } from '../../src/cli/dilithion-cli.ts'
import { LOCK_FILE } from '../../src/node/lock.ts'
import { regtest } from '../../src/params/networks.ts'
import { createCookie, removeCookie } from '../../src/rpc/cookie.ts'
import { RpcServer } from '../../src/rpc/server.ts'
import { FakeControl, readyPeer } from './rpc-fixtures.ts'

let dir = ''
let control = new FakeControl()
let server: RpcServer
let port = 0
const others: Server[] = []

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'dilithion-doctor-'))
  control = new FakeControl(regtest)
  server = new RpcServer({ control, credentials: await createCookie(dir) })
  port = await server.listen(0)
})
afterEach(async () => {
  await server.close()
  for (const other of others.splice(0)) await new Promise((resolve) => other.close(resolve))
  await rm(dir, { recursive: true, force: true })
})

/** A server that answers every request with this. */
async function answering(status: number, body: string): Promise<number> {
  const other = createServer((_, response) => response.writeHead(status).end(body))
  others.push(other)
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const address = other.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

async function cli(argv: readonly string[], terminal?: { readonly columns: number }) {
  const out: string[] = []
  const err: string[] = []
  const isTTY = terminal !== undefined
  const stdin = Object.assign(new EventEmitter(), { isTTY, resume: () => {}, pause: () => {} })
  const write = (text: string) => out.push(text)
  const stdout = Object.assign(new EventEmitter(), {
    isTTY,
    columns: terminal?.columns ?? 0,
    rows: 24,
    write,
  })
  const io: CliIo = {
    env: { DILITHION_DATADIR: dir, DILITHION_RPCPORT: String(port) },
    stdin,
    stdout,
    stderr: { write: (text) => err.push(text) },
    now: () => 0,
    onSignal: () => () => {},
    version: '1.0.0',
  }
  return { code: await runCli(['-regtest', ...argv], io), out: out.join(''), err: err.join('') }
}

/** The one finding of a doctor that could not ask. */
async function finding(...options: string[]) {
  const { code, out, err } = await cli([...options, 'doctor', '--json'])
  expect({ code, err }).toEqual({ code: 1, err: '' })
  const { healthy, findings } = JSON.parse(out)
  expect(healthy).toBe(false)
  expect(findings).toHaveLength(1)
  for (const text of Object.values(findings[0])) expect(text).not.toBe('')
  return findings[0]
}

const holdDataDir = (pid: number) => writeFile(join(dir, LOCK_FILE), `${pid} 1\n`)

describe('doctor', () => {
  it('says that all is well, with exit code 0', async () => {
    control.snapshots = [readyPeer(1)]
    expect(await cli(['doctor'])).toEqual({
      code: 0,
      err: '',
      out: [
        `Dilithion node (regtest, RPC at 127.0.0.1:${port})`,
        '',
        '[ok]      Connected to peers',
        '          1 outbound, 0 inbound.',
        '',
      ].join('\n'),
    })
  })

  it('lists problems first, each with what to do, and ends with exit code 1', async () => {
    control.listenPort = undefined
    const { code, out } = await cli(['doctor'])
    expect(code).toBe(1)
    expect(out.match(/^\[\w+\] .*$/gm)).toEqual([
      '[problem] There is nobody to connect to',
      '[warn]    This node takes no connections',
    ])
    expect(out).toContain('\n          What to do: Name one: dilithion-cli addnode <address> add, or')
  })

  it('has exit code 0 for what only could be better', async () => {
    expect((await cli(['doctor'])).code).toBe(0)
  })

  it("prints the node's own answer with --json, before or after the word", async () => {
    for (const argv of [
      ['-json', 'doctor'],
      ['doctor', '--json'],
      ['doctor', '-json'],
    ]) {
      const { code, out } = await cli(argv)
      expect(code).toBe(0)
      expect(out).toBe(`${JSON.stringify(JSON.parse((await cli(['-json', 'getdiagnosis'])).out))}\n`)
      expect(JSON.parse(out)).toMatchObject({ healthy: true, findings: [{ code: 'nobodyToDial' }] })
    }
  })

  it('has colours and short lines on a terminal only', async () => {
    const { out } = await cli(['doctor'], { columns: 50 })
    expect(out).toContain('\x1b[33m[warn]\x1b[0m    \x1b[1mThere is nobody')
    const lines = out.split('\n')
    for (const line of lines) if (line.startsWith(' ')) expect(line.length).toBeLessThanOrEqual(50)
    expect(lines.length).toBeGreaterThan(5)
    expect((await cli(['-no-color', 'doctor'], { columns: 50 })).out).not.toContain('\x1b')
    expect((await cli(['doctor'])).out).not.toContain('\x1b')
  })

  it('takes nothing else', async () => {
    const { code, err } = await cli(['doctor', 'now'])
    expect(code).toBe(1)
    expect(err).toContain("doctor takes no parameter but --json ('now')")
  })
})

describe('doctor, when the node can not be asked', () => {
  it('says that it does not run', async () => {
    await server.close()
    expect(await finding()).toMatchObject({
      code: 'notRunning',
      explanation: expect.stringContaining('A cookie is left of one that did not end by itself.'),
    })
    await removeCookie(dir)
    expect(await finding()).toMatchObject({
      code: 'notRunning',
      explanation: expect.stringContaining('there is no cookie'),
    })
    await holdDataDir(4_194_305)
    expect(await finding()).toMatchObject({ code: 'notRunning' })
  })

  it('says that it runs but listens elsewhere, or without a cookie', async () => {
    await holdDataDir(process.pid)
    await server.close()
    expect(await finding()).toMatchObject({
      code: 'wrongPort',
      explanation: expect.stringContaining(
        `(process ${process.pid}), but nothing listens at 127.0.0.1:${port}`,
      ),
    })
    await removeCookie(dir)
    expect(await finding()).toMatchObject({ code: 'noLogin' })
  })

  it('says that the login is not accepted', async () => {
    expect(await finding('-rpcuser=u', '-rpcpassword=p')).toMatchObject({
      code: 'wrongLogin',
      explanation: expect.stringContaining('not to this rpcuser and rpcpassword'),
    })
    await createCookie(dir)
    expect(await finding()).toMatchObject({
      code: 'wrongLogin',
      explanation: expect.stringContaining(join(dir, '.cookie')),
    })
  })

  it('says that something else answers', async () => {
    expect(await finding(`-rpcport=${await answering(200, 'hello')}`)).toMatchObject({ code: 'otherProgram' })
    const unknown = { jsonrpc: '2.0', error: { code: -32601, message: 'Method not found' }, id: 1 }
    expect(await finding(`-rpcport=${await answering(200, JSON.stringify(unknown))}`)).toMatchObject({
      code: 'otherNode',
    })
    const strange = { jsonrpc: '2.0', result: { healthy: 'yes' }, id: 1 }
    expect(await finding(`-rpcport=${await answering(200, JSON.stringify(strange))}`)).toMatchObject({
      code: 'notAskable',
    })
  })

  it('shows nothing of a strange answer that could move a cursor', async () => {
    const finding = { level: 'warn', code: 'x', title: '\x1b[2J', explanation: 'a\nb\x9b', advice: '' }
    const evil = { jsonrpc: '2.0', result: { healthy: true, findings: [finding] }, id: 1 }
    const { out } = await cli([`-rpcport=${await answering(200, JSON.stringify(evil))}`, 'doctor'])
    expect(out).toContain('[warn]    ?[2J\n          a?b?\n')
  })

  it('still tells of settings that make no sense', async () => {
    const { code, err } = await cli(['-testnet', 'doctor'])
    expect(code).toBe(1)
    expect(err).toMatch(/^error: testnet and regtest exclude each other/)
  })
})
