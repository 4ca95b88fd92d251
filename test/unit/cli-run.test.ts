import { EventEmitter } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { renderInfo } from '../../src/cli/client/getinfo.ts'
import { renderResult, renderRpcError } from '../../src/cli/client/render.ts'
import { type CliIo, runCli } from '../../src/cli/dilithion-cli.ts'
import { createCookie } from '../../src/rpc/cookie.ts'
import { RpcError } from '../../src/rpc/errors.ts'
import { RpcServer } from '../../src/rpc/server.ts'
import { FakeControl, peer, readyPeer } from './rpc-fixtures.ts'

let dir = ''
let control = new FakeControl()
let server: RpcServer
let port = 0

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'dilithion-cli-'))
  control = new FakeControl()
  server = new RpcServer({ control, credentials: await createCookie(dir) })
  port = await server.listen(0)
})
afterEach(async () => {
  await server.close()
  await rm(dir, { recursive: true, force: true })
})

function terminal(isTTY: boolean) {
  const out: string[] = []
  const err: string[] = []
  const stdin = Object.assign(new EventEmitter(), {
    isTTY,
    setRawMode: () => {},
    resume: () => {},
    pause: () => {},
  })
  const stdout = Object.assign(new EventEmitter(), {
    isTTY,
    columns: 80,
    rows: 24,
    write: (text: string) => {
      out.push(text)
      stdout.emit('written')
    },
  })
  const io: CliIo = {
    env: { DILITHION_DATADIR: dir, DILITHION_RPCPORT: String(port) },
    stdin,
    stdout,
    stderr: { write: (text) => err.push(text) },
    now: () => 1_700_000_100_000,
    onSignal: () => () => {},
    version: '1.0.0',
  }
  return {
    io,
    stdin,
    stdout,
    out,
    result: (code: number) => ({ code, out: out.join(''), err: err.join('') }),
  }
}

async function cli(...argv: string[]) {
  const { io, result } = terminal(false)
  return result(await runCli(argv, io))
}

describe('results', () => {
  it('are plain where they can be', async () => {
    expect(await cli('uptime')).toEqual({ code: 0, out: '3700\n', err: '' })
    expect(await cli('ping')).toEqual({ code: 0, out: '', err: '' })
    const help = await cli('help')
    expect(help.out).toMatch(/^abandontransaction - .*\naddnode - /)
    expect((await cli('help', 'ping')).out).toMatch(/^ping\n\nping - /)
  })

  it('are indented JSON otherwise, or with -json on one line', async () => {
    control.snapshots = [readyPeer(1)]
    const { out } = await cli('getpeerinfo')
    expect(out).toMatch(/^\[\n {2}\{\n {4}"id": 1,\n/)
    const compact = await cli('-json', 'getpeerinfo')
    expect(compact.out.split('\n')).toHaveLength(2)
    expect(JSON.parse(compact.out)).toEqual(JSON.parse(out))
    expect((await cli('-json', 'ping')).out).toBe('null\n')
    expect((await cli('-json', 'help', 'ping')).out).toMatch(/^"ping\\n/)
  })

  it('come from parameters by position and by name', async () => {
    await cli('addnode', '127.0.0.1:18444', 'add')
    await cli('-named', 'addnode', 'command=onetry', 'node=10.0.0.1')
    expect(control.calls).toEqual(['addNode 127.0.0.1:18444 true', 'addNode 10.0.0.1:18444 false'])
  })

  it('come from parameters that are piped in', async () => {
    const { io, stdin, result } = terminal(false)
    stdin.resume = () => {
      stdin.emit('data', Buffer.from('10.0.0.1\non'))
      stdin.emit('data', Buffer.from('etry\n'))
      stdin.emit('end')
    }
    expect(result(await runCli(['-stdin', 'addnode'], io))).toEqual({ code: 0, out: '', err: '' })
    expect(control.calls).toEqual(['addNode 10.0.0.1:18444 false'])
  })

  it('come from a node that starts only then, if it is waited for', async () => {
    await server.close()
    const waiting = cli('-rpcwait', 'uptime')
    server = new RpcServer({ control, credentials: await createCookie(dir) })
    await server.listen(port)
    expect(await waiting).toEqual({ code: 0, out: '3700\n', err: '' })
  })

  it('are not waited for without end', async () => {
    await server.close()
    await rm(join(dir, '.cookie'))
    const { code, err } = await cli('-rpcwait', '-rpcwaittimeout=1', 'uptime')
    expect(code).toBe(1)
    expect(err).toMatch(/^error: No cookie to log in with/)
  })

  it('of stop arrive', async () => {
    control.onStop = () => void server.close()
    expect(await cli('stop')).toEqual({ code: 0, out: 'Dilithion node stopping\n', err: '' })
    expect(control.calls).toEqual(['requestStop'])
  })
})

describe('-getinfo', () => {
  it('shows what there is of a node without a chain', async () => {
    control.snapshots = [readyPeer(1)]
    const { code, out } = await cli('-getinfo')
    expect(code).toBe(0)
    expect(out).toBe(
      [
        'Network: in 0, out 1, total 1',
        'Version: v1.0.0 /Dilithion:1.0.0/, protocol 70001',
        'Time offset (s): -2',
        'Up: 1h',
        '',
        'Warnings: (none)',
        '',
      ].join('\n'),
    )
  })

  it('shows how far the chain has come, with a bar on a terminal', () => {
    const network = { version: 'v1', subversion: '/D:1/', protocolversion: 1, warnings: '' }
    const chain = {
      chain: 'mainnet',
      blocks: 250,
      headers: 1_000,
      difficulty: 1.5,
      verificationprogress: 0.25,
      initialblockdownload: true,
      size_on_disk: 1_234_567,
      pruned: true,
      unchecked_rules: 'some rules',
      warnings: '\x1b[31mit stands',
    }
    const data = { network, chain, mempool: { size: 1, bytes: 5_300 }, uptime: 3 }
    const plain = renderInfo(data, { color: false, isTerminal: false })
    expect(plain).toEqual([
      'Chain: mainnet',
      'Blocks: 250',
      'Headers: 1000',
      'Verification progress: 25.0000%',
      'Difficulty: 1.5',
      'On disk: 1.23 MB, old blocks deleted',
      '',
      'Network: in 0, out 0, total 0',
      'Version: v1 /D:1/, protocol 1',
      'Up: 3s',
      'Mempool: 1 transaction, 5.30 kB',
      '',
      'Warnings: ?[31mit stands; some rules',
    ])
    const shown = renderInfo(data, { color: false, isTerminal: true })
    expect(shown[3]).toBe('Verification progress: ▒▒▒▒▒░░░░░░░░░░░░░░░ 25.0000%')
  })
})

describe('failures', () => {
  it('of a method are shown with code, message and what to do', async () => {
    expect(await cli('addnode', 'a', 'drop')).toEqual({
      code: 1,
      out: '',
      err: expect.stringMatching(
        /^error code: -32603\nerror message:\naddnode: parameter 'command' must be .*\n$/,
      ),
    })
    const { code, err } = await cli('nope')
    expect(code).toBe(1)
    expect(err).toMatch(/^error code: -32601\nerror message:\nMethod not found: nope\n- Check .*\n- Call /)
  })

  it('to log in tell where the login came from', async () => {
    const wrong = await cli('-rpcuser=u', '-rpcpassword=p', 'uptime')
    expect(wrong.code).toBe(1)
    expect(wrong.err).toMatch(
      /^error code: -32000\nerror message:\nauthentication failed.*\n.*came from rpcuser and rpcpassword\n$/,
    )
    await createCookie(dir)
    expect((await cli('uptime')).err).toMatch(`The login came from ${join(dir, '.cookie')}\n`)
    await rm(join(dir, '.cookie'))
    const none = await cli('uptime')
    expect(none).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(`can't read ${join(dir, '.cookie')}`),
    })
  })

  it('to reach a node tell what was tried', async () => {
    await server.close()
    for (const argv of [['uptime'], ['-netinfo']]) {
      expect(await cli(...argv)).toEqual({
        code: 1,
        out: '',
        err:
          `error: Could not reach a node at 127.0.0.1:${port}. Is dilithion-node running, ` +
          'and with these options (--testnet, --datadir, --rpcport)?\n',
      })
    }
  })

  it('of something else on the port are told as such', async () => {
    const replies = [
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}',
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi',
    ]
    replies.push('HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nhi', 'SSH-2.0\r\n', '')
    const expected = [
      /does not answer as a Dilithion node does \(HTTP 200\)/,
      /does not answer as a Dilithion node does \(HTTP 200\)/,
      /authentication failed/,
      /does not answer as a Dilithion node does \(not HTTP\)/,
      /Could not get an answer from .* may be done all the same/,
    ]
    for (const [i, reply] of replies.entries()) {
      const other = createServer((socket) => {
        socket.on('error', () => {})
        socket.once('data', () => socket.end(reply))
      })
      await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
      const address = other.address()
      const otherPort = typeof address === 'object' && address !== null ? address.port : 0
      expect((await cli(`-rpcport=${otherPort}`, 'uptime')).err).toMatch(expected[i] ?? /never/)
      await new Promise((resolve) => other.close(resolve))
    }
  })

  it('to get an answer in time are not taken for a node that does not run', async () => {
    const mute = createServer((socket) => socket.on('error', () => {}).resume())
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve))
    const address = mute.address()
    const at = typeof address === 'object' && address !== null ? address.port : 0
    expect(await cli(`-rpcport=${at}`, '-rpcclienttimeout=1', 'uptime')).toEqual({
      code: 1,
      out: '',
      err: expect.stringMatching(
        /^error: Could not get an answer from 127\.0\.0\.1:\d+ \(nothing came for 1 s\)\. .* look before you ask again/,
      ),
    })
    await new Promise((resolve) => mute.close(resolve))
  })

  it("and results move nobody's cursor, whatever the node says", () => {
    const evil = 'a\x1b[2J\x9b31m\r\nb'
    expect(renderRpcError(new RpcError(-32_603, evil))).toBe(
      'error code: -32603\nerror message:\na?[2J?31m?\nb\n',
    )
    expect(renderResult(evil, false)).toBe('a?[2J?31m?\nb\n')
    expect(renderResult({ commands: [evil] }, false)).toBe('a?[2J?31m?\nb\n')
  })

  it('of usage go to standard error, help does not', async () => {
    expect(await cli('-nope')).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/unknown option/),
    })
    expect(await cli('-help')).toMatchObject({ code: 0, out: expect.stringMatching(/^Usage/), err: '' })
  })
})

describe('-netinfo', () => {
  it('prints the table once where there is no terminal', async () => {
    control.snapshots = [peer(1), readyPeer(2)]
    const { code, out } = await cli('-netinfo')
    expect(code).toBe(0)
    const lines = out.split('\n')
    expect(lines[0]).toBe(
      'Dilithion node v1.0.0 /Dilithion:1.0.0/ - testnet, protocol 70001, port 18444, up 1h',
    )
    expect(lines[4]).toMatch(/^out {2}manual .* 1m .* 70001 {2}node\.example:8444 {2}\/Dilithion:0\.9\.0\/$/)
  })

  it('prints it once with -once, cut to the terminal and without colours where they are not wanted', async () => {
    for (const [option, bold] of [
      ['-color', true],
      ['-no-color', false],
    ] as const) {
      const { io, result } = terminal(true)
      const argv = option === '-color' ? [] : [option]
      const { out } = result(await runCli(['-netinfo', '-once', ...argv], io))
      expect(out.includes('\x1b[1m')).toBe(bold)
      expect(out).not.toContain('\x1b[?1049h')
    }
    const { io, result } = terminal(true)
    const env = { ...io.env, NO_COLOR: '1' }
    expect(result(await runCli(['-netinfo', '-once'], { ...io, env })).out).not.toContain('\x1b')
  })

  it('renews it on a terminal until q, and puts the terminal right', async () => {
    const { io, stdin, stdout, out, result } = terminal(true)
    const running = runCli(['-netinfo=0.1'], io)
    const shown = (text: string) =>
      new Promise<void>((resolve) => {
        const check = () => out.join('').includes(text) && resolve()
        stdout.on('written', check)
        check()
      })
    await shown('total')
    control.snapshots = [readyPeer(42)]
    await shown(' 42 ')
    await server.close()
    await shown('Could not reach')
    stdin.emit('data', Buffer.from('q'))
    const { code, err } = result(await running)
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out.at(-1)).toBe('\x1b[?25h\x1b[?1049l')
  })
})
