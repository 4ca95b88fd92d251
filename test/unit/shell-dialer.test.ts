/** Dials, direct and through a proxy that serves, refuses, hangs or talks nonsense. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { formatEndpoint, type HostPort } from '../../src/primitives/ip.ts'
import { Dialer, type DialOutcome } from '../../src/shell/dialer.ts'
import { eventually } from '../../testkit/changes.ts'
import { type SocksConduct, SocksServer } from '../../testkit/socks-server.ts'

const LONG_MS = 20_000
const ends: (() => void)[] = []
afterEach(() => {
  for (const end of ends.splice(0)) end()
})

/** A server that sends back what it gets. */
async function echoServer(): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.pipe(socket)
  })
  ends.push(() => server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return portOf(server)
}

function portOf(server: Server): number {
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** A port where nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const port = portOf(server)
  server.close()
  await once(server, 'close')
  return port
}

async function proxyOf(conduct: SocksConduct): Promise<SocksServer> {
  const proxy = await SocksServer.open(conduct)
  ends.push(() => proxy.close())
  return proxy
}

function dial(dialer: Dialer, target: HostPort, timeoutMs = LONG_MS): Promise<DialOutcome> {
  return new Promise((resolve) => {
    dialer.dial(target, timeoutMs, (outcome) => {
      if (outcome.ok) ends.push(() => outcome.socket.destroy())
      resolve(outcome)
    })
  })
}

function through(proxy: SocksServer, target: HostPort, timeoutMs = LONG_MS): Promise<DialOutcome> {
  return dial(new Dialer({ host: '127.0.0.1', port: proxy.port }), target, timeoutMs)
}

/** What comes back for these words. */
async function echo(outcome: DialOutcome, words: string): Promise<string> {
  if (!outcome.ok) throw new Error(outcome.error)
  let heard = ''
  outcome.socket.on('data', (chunk: Uint8Array) => {
    heard += Buffer.from(chunk).toString()
  })
  outcome.socket.write(words)
  return eventually(() => (heard.length >= words.length ? heard : undefined), 'the echo')
}

const remoteOf = (outcome: DialOutcome): string =>
  outcome.ok ? formatEndpoint(outcome.remote) : outcome.error

describe('a direct dial', () => {
  it('leads to the target', async () => {
    const port = await echoServer()
    const outcome = await dial(new Dialer(undefined), { host: '127.0.0.1', port })
    expect(remoteOf(outcome)).toBe(`127.0.0.1:${port}`)
    expect(await echo(outcome, 'hello')).toBe('hello')
  })

  it('says why it failed', async () => {
    const port = await closedPort()
    const outcome = await dial(new Dialer(undefined), { host: '127.0.0.1', port })
    expect(outcome).toEqual({ ok: false, error: 'connection refused' })
  })
})

describe('a dial through a proxy', () => {
  it('gives an IPv4 address as such', async () => {
    const proxy = await proxyOf({ upstreamPort: await echoServer() })
    const outcome = await through(proxy, { host: '192.0.2.7', port: 8444 })
    expect(remoteOf(outcome)).toBe('192.0.2.7:8444')
    expect(proxy.requests).toMatchObject([{ addressType: 1, host: '192.0.2.7', port: 8444 }])
    expect(await echo(outcome, 'hello')).toBe('hello')
  })

  it('gives an IPv6 address as such', async () => {
    const proxy = await proxyOf({ upstreamPort: await echoServer() })
    const outcome = await through(proxy, { host: '2001:db8::7%eth0', port: 8444 })
    expect(remoteOf(outcome)).toBe('[2001:db8::7]:8444')
    expect(proxy.requests).toMatchObject([{ addressType: 4, host: '20010db8000000000000000000000007' }])
    expect(await echo(outcome, 'hello')).toBe('hello')
  })

  it('gives a host name unresolved', async () => {
    const proxy = await proxyOf({ upstreamPort: await echoServer() })
    const outcome = await through(proxy, { host: 'node.example.onion', port: 8444 })
    expect(remoteOf(outcome)).toBe('0.0.0.0:8444')
    expect(proxy.requests).toMatchObject([{ addressType: 3, host: 'node.example.onion', port: 8444 }])
    expect(await echo(outcome, 'hello')).toBe('hello')
  })

  it('uses another login each time, so that the proxy can keep dials apart', async () => {
    const proxy = await proxyOf({ upstreamPort: await echoServer() })
    const dialer = new Dialer({ host: '127.0.0.1', port: proxy.port })
    for (let i = 0; i < 3; i++) await dial(dialer, { host: '192.0.2.7', port: 8444 })
    const logins = proxy.requests.map(({ login }) => login)
    expect(new Set(logins).size).toBe(3)
    for (const login of logins) expect(login).toMatch(/^[0-9a-f]{32}:[0-9a-f]{32}$/)
  })

  it('goes without a login where none is wanted', async () => {
    const proxy = await proxyOf({ upstreamPort: await echoServer(), method: 0 })
    expect(await echo(await through(proxy, { host: '192.0.2.7', port: 8444 }), 'hello')).toBe('hello')
    expect(proxy.requests[0]?.login).toBeUndefined()
  })

  it('loses nothing of what the target says first', async () => {
    const proxy = await proxyOf({ upstreamPort: await echoServer(), firstWords: Buffer.from('first, ') })
    expect(await echo(await through(proxy, { host: '192.0.2.7', port: 8444 }), 'then echo')).toMatch(
      /^first, /,
    )
  })

  it.each([
    [1, 'proxy: general failure'],
    [2, 'proxy: not allowed by its rules'],
    [3, 'proxy: network unreachable'],
    [4, 'proxy: host unreachable'],
    [5, 'proxy: connection refused'],
    [6, 'proxy: the way is too long'],
    [7, 'proxy: it does not make connections'],
    [8, 'proxy: it does not know addresses of this kind'],
    [0xf0, 'proxy: refused without a reason that we know'],
  ])('puts answer %i in words', async (reply, error) => {
    const proxy = await proxyOf({ reply })
    expect(await through(proxy, { host: '192.0.2.7', port: 8444 })).toEqual({ ok: false, error })
    await proxy.idle()
  })

  it('says when the proxy itself is not there', async () => {
    const port = await closedPort()
    const outcome = await dial(new Dialer({ host: '127.0.0.1', port }), { host: '192.0.2.7', port: 8444 })
    expect(outcome).toEqual({ ok: false, error: `proxy 127.0.0.1:${port}: connection refused` })
  })

  it.each<[string, SocksConduct, string]>([
    ['wants another login', { rejectsLogin: true }, 'it wants a login that we do not have'],
    ['has no way in for us', { method: 255 }, 'it wants a login that we do not have'],
    ['closes half way', { closesHalfway: true }, 'it closed the connection'],
    [
      'speaks something else',
      { garbage: Buffer.from('HTTP/1.1 400 Bad Request\r\n') },
      'it does not speak SOCKS5',
    ],
    ['never stops talking', { garbage: Buffer.alloc(1_000_000, 5) }, 'it wants a login that we do not have'],
  ])('fails in words if the proxy %s', async (_, conduct, error) => {
    const proxy = await proxyOf(conduct)
    const outcome = await through(proxy, { host: '192.0.2.7', port: 8444 })
    expect(outcome).toEqual({ ok: false, error: `proxy: ${error}` })
    await proxy.idle()
  })

  it('is given up in time if the proxy hangs', async () => {
    const proxy = await proxyOf({ hangs: true })
    const outcome = await through(proxy, { host: '192.0.2.7', port: 8444 }, 100)
    expect(outcome).toEqual({ ok: false, error: 'proxy: timed out' })
    await proxy.idle()
  })

  it('ends without a word when the node stops', async () => {
    const proxy = await proxyOf({ hangs: true })
    const dialer = new Dialer({ host: '127.0.0.1', port: proxy.port })
    const outcomes: DialOutcome[] = []
    dialer.dial({ host: '192.0.2.7', port: 8444 }, LONG_MS, (outcome) => outcomes.push(outcome))
    await eventually(() => (proxy.openCount > 0 ? true : undefined), 'the dial')
    dialer.stop()
    dialer.dial({ host: '192.0.2.7', port: 8444 }, LONG_MS, (outcome) => outcomes.push(outcome))
    await proxy.idle()
    expect(outcomes).toEqual([])
  })
})
