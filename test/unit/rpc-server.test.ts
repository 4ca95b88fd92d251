import { Agent, type IncomingHttpHeaders, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { openChain } from '../../src/node/chain-backend.ts'
import { DilithionNode } from '../../src/node/node.ts'
import { regtest } from '../../src/params/networks.ts'
import { MAX_RPC_WAITS } from '../../src/rpc/limits.ts'
import { RpcServer, type RpcServerOptions } from '../../src/rpc/server.ts'
import { encodeAddress } from '../../src/script/address.ts'
import { FakeControl } from './rpc-fixtures.ts'

const LOGIN = { user: 'u', password: 'p' }
const AUTHORIZATION = `Basic ${Buffer.from('u:p').toString('base64')}`
const UPTIME = '{"jsonrpc":"2.0","id":1,"method":"uptime"}'
const UPTIME_REPLY = '{"jsonrpc":"2.0","result":3700,"id":1}'

const endings: (() => unknown)[] = []
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end()
})

async function start(given: Partial<RpcServerOptions> = {}) {
  const control = new FakeControl()
  const log: string[] = []
  const server = new RpcServer({
    control,
    credentials: LOGIN,
    log: (level, line) => log.push(`${level} ${line}`),
    ...given,
  })
  const port = await server.listen(0)
  endings.push(() => server.close())
  return { control, log, server, port }
}

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

interface Asked {
  readonly method?: string
  readonly path?: string
  readonly headers?: Record<string, string>
  readonly body?: string | Buffer
  readonly agent?: Agent
}

const HEADERS = { authorization: AUTHORIZATION, 'x-dilithion-rpc': '1' }

function ask(
  port: number,
  { method = 'POST', path = '/', headers = HEADERS, body = UPTIME, agent }: Asked = {},
) {
  return new Promise<Answer>((resolve, reject) => {
    const options = { port, host: '127.0.0.1', method, path, headers, agent: agent ?? false }
    const sent = request({ ...options }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: Buffer.concat(chunks).toString(),
        }),
      )
      response.on('error', reject)
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

const post = (body: string) => head([`Content-Length: ${body.length}`]) + body

const ADDRESS = encodeAddress(new Uint8Array(20))

function waitFor(height: number, timeoutMs: number): string {
  return `{"id":1,"method":"waitforblockheight","params":[${height},${timeoutMs}]}`
}

async function realNode(onStopRequest = () => {}) {
  const chain = await openChain({ network: regtest })
  const node = new DilithionNode({ network: regtest, chain, onStopRequest })
  endings.push(
    () => chain.close(),
    () => node.stop(),
  )
  await node.start()
  return node
}

/** A connection that says what it is told to say. */
async function raw(port: number, text: string) {
  const socket: Socket = connect(port, '127.0.0.1')
  endings.push(() => socket.destroy())
  let received = ''
  const closed = new Promise<string>((resolve) => socket.on('close', () => resolve(received)))
  const until = (part: string) =>
    new Promise<void>((resolve, reject) => {
      const check = () => received.includes(part) && resolve()
      socket.on('data', check)
      socket.on('close', () => reject(new Error(`closed before '${part}': ${received}`)))
      check()
    })
  socket.on('data', (chunk) => {
    received += chunk
  })
  socket.on('error', () => {})
  await new Promise<void>((resolve) => socket.on('connect', resolve))
  socket.write(text)
  return { socket, closed, until, received: () => received }
}

const head = (lines: string[] = []) =>
  [
    'POST / HTTP/1.1',
    'Host: x',
    `Authorization: ${AUTHORIZATION}`,
    'X-Dilithion-RPC: 1',
    ...lines,
    '',
    '',
  ].join('\r\n')

describe('answers', () => {
  it('come as JSON with the right length, at any path, without leave for other origins', async () => {
    const { port } = await start()
    for (const path of ['/', '/wallet/x?y=1']) {
      const { status, headers, text } = await ask(port, { path })
      expect(status).toBe(200)
      expect(text).toBe(UPTIME_REPLY)
      expect(headers['content-type']).toBe('application/json')
      expect(headers['content-length']).toBe(String(text.length))
      expect(headers).not.toHaveProperty('access-control-allow-origin')
    }
  })

  it('are 200 also for errors of JSON-RPC', async () => {
    const { port } = await start()
    for (const [body, code] of [
      ['{', -32700],
      ['[]', -32600],
      ['{"method":"nope"}', -32601],
      ['{"method":"addnode"}', -32603],
      [Buffer.from('{"method":"\xff"}', 'latin1'), -32700],
      ['', -32700],
    ] as const) {
      const { status, text } = await ask(port, { body })
      expect(status).toBe(200)
      expect(JSON.parse(text)).toMatchObject({ error: { code }, id: null })
    }
  })

  it('take and give text beyond ASCII', async () => {
    const { port } = await start()
    const { text, headers } = await ask(port, { body: '{"id":"ä€😀","method":"uptime"}' })
    expect(JSON.parse(text)).toEqual({ jsonrpc: '2.0', result: 3_700, id: 'ä€😀' })
    expect(headers['content-length']).toBe(String(Buffer.byteLength(text)))
  })

  it('come in order over one connection', async () => {
    const { port } = await start()
    const requests = [1, 2, 3].map((id) => `{"id":${id},"method":"uptime"}`)
    const { until, received } = await raw(
      port,
      requests.map((body) => head([`Content-Length: ${body.length}`]) + body).join(''),
    )
    await until('"id":3}')
    expect(received().match(/"id":\d/g)).toEqual(['"id":1', '"id":2', '"id":3'])
  })

  it('survive bugs, which are logged', async () => {
    const { port, control, log } = await start()
    control.bug = new Error('boom')
    const { status, text } = await ask(port, { body: '{"method":"getpeerinfo"}' })
    expect(status).toBe(200)
    expect(JSON.parse(text).error.code).toBe(-32603)
    expect(log.join()).toMatch('error RPC method getpeerinfo failed: Error: boom')
    expect((await ask(port)).text).toBe(UPTIME_REPLY)
  })
})

describe('refusals', () => {
  it('401 for everything without the right credentials', async () => {
    const { port, control } = await start()
    const wrong = { ...HEADERS, authorization: `Basic ${Buffer.from('u:x').toString('base64')}` }
    const stop = '{"method":"stop","params":{"confirm":true}}'
    for (const headers of [wrong, { 'x-dilithion-rpc': '1' }, { ...HEADERS, authorization: 'Basic' }]) {
      for (const method of ['POST', 'GET', 'OPTIONS', 'PUT']) {
        const { status, headers: given, text } = await ask(port, { method, headers, body: stop })
        expect(status).toBe(401)
        expect(given['www-authenticate']).toMatch(/^Basic/)
        expect(JSON.parse(text)).toMatchObject({
          error: { code: -32000, message: expect.stringMatching(/cookie/) },
          id: null,
        })
      }
    }
    expect(control.calls).toEqual([])
  })

  it('never lock out this machine', async () => {
    const { port } = await start()
    const wrong = { ...HEADERS, authorization: 'Basic eA==' }
    for (let i = 0; i < 12; i++) expect((await ask(port, { headers: wrong })).status).toBe(401)
    expect((await ask(port)).status).toBe(200)
  })

  it('403 without the header against CSRF', async () => {
    const { port } = await start()
    const { status, headers, text } = await ask(port, { headers: { authorization: AUTHORIZATION } })
    expect(status).toBe(403)
    expect(JSON.parse(text).error).toMatchObject({ code: -32600, message: expect.stringMatching(/CSRF/) })
    expect(headers['content-length']).toBe(String(text.length))
    expect((await ask(port, { headers: { ...HEADERS, 'x-dilithion-rpc': '' } })).status).toBe(200)
  })

  it('405 for other methods than POST', async () => {
    const { port } = await start()
    for (const method of ['GET', 'PUT', 'OPTIONS', 'DELETE']) {
      const { status, headers } = await ask(port, { method, body: '' })
      expect(status).toBe(405)
      expect(headers.allow).toBe('POST')
    }
    expect((await ask(port, { method: 'HEAD', body: '' })).status).toBe(405)
  })

  it('413 for more than a block of the largest size takes in hex, told in advance or not', async () => {
    const { port } = await start()
    const fits = UPTIME.padEnd(8_454_144)
    expect((await ask(port, { body: fits })).text).toBe(UPTIME_REPLY)
    expect((await ask(port, { body: `${fits} ` })).status).toBe(413)
    const chunked = { ...HEADERS, 'transfer-encoding': 'chunked' }
    expect((await ask(port, { headers: chunked, body: fits })).text).toBe(UPTIME_REPLY)
    const { status, text } = await ask(port, { headers: chunked, body: `${fits} ` })
    expect(status).toBe(413)
    expect(JSON.parse(text).error.code).toBe(-32600)
  })

  it('leave the connection usable', async () => {
    const { port } = await start()
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    endings.push(() => agent.destroy())
    const body = 'x'.repeat(1_000_000)
    expect((await ask(port, { agent, body, headers: {} })).status).toBe(401)
    expect((await ask(port, { agent, body, headers: { authorization: AUTHORIZATION } })).status).toBe(403)
    expect((await ask(port, { agent, body: body.repeat(9) })).status).toBe(413)
    expect((await ask(port, { agent })).text).toBe(UPTIME_REPLY)
  })

  it('come before a body that waits for leave to be sent', async () => {
    const { port } = await start()
    const expecting = ['Expect: 100-continue', `Content-Length: ${UPTIME.length}`]
    const refused = await raw(port, head(expecting).replace('X-Dilithion-RPC', 'X-Other'))
    expect(await refused.closed).toMatch(/^HTTP\/1\.1 403/)
    const taken = await raw(port, head(expecting))
    await taken.until('100 Continue')
    taken.socket.write(UPTIME)
    await taken.until(UPTIME_REPLY)
  })
})

describe('clients that misbehave', () => {
  it('are answered 4xx and closed for what is not HTTP or has too much of a head', async () => {
    const { port } = await start()
    expect(await (await raw(port, 'hello\r\n\r\n')).closed).toMatch(/^HTTP\/1\.1 400/)
    expect(await (await raw(port, head([`X-Big: ${'x'.repeat(9_000)}`]))).closed).toMatch(/^HTTP\/1\.1 431/)
    expect(await (await raw(port, head(['Content-Length: x']))).closed).toMatch(/^HTTP\/1\.1 400/)
    expect((await ask(port)).status).toBe(200)
  })

  it('may go away at any time', async () => {
    const { port, log } = await start()
    const whole = head([`Content-Length: ${UPTIME.length}`]) + UPTIME
    for (const length of [0, 10, whole.length - UPTIME.length, whole.length - 5, whole.length]) {
      const { socket, closed } = await raw(port, whole.slice(0, length))
      socket.resetAndDestroy()
      await closed
    }
    expect((await ask(port)).text).toBe(UPTIME_REPLY)
    expect(log).toEqual([])
  })

  it('leave no call behind when they ask on without waiting for answers and go away', async () => {
    const { port } = await start({ control: await realNode() })
    const isRoom = async () => {
      const { text } = await ask(port, { body: waitFor(1_000_000, 0) })
      return !text.includes('calls wait already')
    }
    const endless = post(waitFor(1_000_000, 300_000))
    const { socket } = await raw(port, endless.repeat(MAX_RPC_WAITS))
    await vi.waitUntil(async () => !(await isRoom()))
    socket.destroy()
    await vi.waitUntil(isRoom)
    // And not just for the one whose turn it was to be answered.
    const { closed, socket: next } = await raw(port, endless.repeat(MAX_RPC_WAITS - 1))
    await ask(port)
    expect(await isRoom()).toBe(true)
    next.destroy()
    await closed
  })

  it('are closed when a head or a body does not come in time', async () => {
    const { port } = await start({ requestTimeoutMs: 50 })
    const slow = ['', 'POST / HT', `${head(['Content-Length: 9'])}{"me`]
    const connections = await Promise.all(slow.map((text) => raw(port, text)))
    for (const { closed } of connections) expect(await closed).toMatch(/^$|^HTTP\/1\.1 408/)
  })

  it('are refused beyond 64 connections', async () => {
    const { port } = await start()
    const agent = new Agent({ keepAlive: true })
    endings.push(() => agent.destroy())
    await Promise.all(Array.from({ length: 64 }, () => ask(port, { agent })))
    const { closed } = await raw(port, head())
    expect(await closed).toBe('')
  })
})

describe('listen', () => {
  it('rejects with the error of the system', async () => {
    const { port } = await start()
    const other = new RpcServer({ control: new FakeControl(), credentials: LOGIN })
    await expect(other.listen(port)).rejects.toMatchObject({ code: 'EADDRINUSE' })
    await other.close()
  })
})

describe('close', () => {
  it('ends idle, fresh and busy connections', async () => {
    const { port, server } = await start()
    const agent = new Agent({ keepAlive: true })
    endings.push(() => agent.destroy())
    await ask(port, { agent })
    const fresh = await raw(port, '')
    const busy = await raw(port, `${head(['Content-Length: 99'])}{`)
    const startedAt = performance.now()
    await Promise.all([server.close(), server.close(), fresh.closed, busy.closed])
    expect(performance.now() - startedAt).toBeLessThan(2_000)
    await expect(ask(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  it('lets a request finish whose rest is on its way', async () => {
    const { port, server } = await start()
    const { socket, closed, until } = await raw(
      port,
      head(['Expect: 100-continue', `Content-Length: ${UPTIME.length}`]),
    )
    await until('100 Continue')
    const closing = server.close()
    socket.write(UPTIME)
    expect(await closed).toMatch(UPTIME_REPLY)
    await closing
  })

  it('does no harm before listening', async () => {
    await new RpcServer({ control: new FakeControl(), credentials: LOGIN }).close()
  })
})

describe('stop', () => {
  const STOP = '{"id":1,"method":"stop","params":{"confirm":true}}'

  it('delivers its reply before the node ends, alone or in a batch', async () => {
    for (const body of [STOP, `[${STOP},${UPTIME}]`]) {
      const { port, control, server } = await start()
      const stopped = new Promise<void>((resolve) => {
        control.onStop = () => void server.close().then(resolve)
      })
      const agent = new Agent({ keepAlive: true })
      endings.push(() => agent.destroy())
      const { text } = await ask(port, { body, agent })
      expect(text).toMatch('Dilithion node stopping')
      await stopped
      expect(control.calls).toEqual(['requestStop'])
    }
  })

  it('is done for each call of a batch, also if its caller went away during one behind it', async () => {
    let stops = 0
    const node = await realNode(() => stops++)
    const { port } = await start({ control: node })
    await ask(port, { body: `[${Array(20).fill(STOP).join(',')}]` })
    await vi.waitUntil(() => stops === 20)
    const mine = `{"id":1,"method":"generatetoaddress","params":[1,"${ADDRESS}"]}`
    const { socket } = await raw(port, post(`[${STOP},${mine},${waitFor(1_000_000, 300_000)}]`))
    await vi.waitUntil(() => node.chain?.engine.tip.height === 1)
    expect(stops).toBe(20)
    socket.destroy()
    await vi.waitUntil(() => stops === 21)
  })

  it('stops the node also if nobody waits for the reply, and survives a node that can not', async () => {
    const { port, control, log } = await start()
    const stopped = new Promise<void>((resolve) => {
      control.onStop = () => {
        resolve()
        throw new Error('boom')
      }
    })
    const { socket } = await raw(port, head([`Content-Length: ${STOP.length}`]) + STOP)
    socket.destroy()
    await stopped
    expect((await ask(port)).status).toBe(200)
    expect(log).toEqual(['error RPC: work after a reply failed: Error: boom'])
  })
})
