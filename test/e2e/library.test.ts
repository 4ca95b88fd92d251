/** The library as its users meet it: the client against a node, an embedded node, the examples as programs. */
import { execFile } from 'node:child_process'
import { createServer } from 'node:net'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import {
  type Client,
  ConnectionError,
  connect,
  DilithionNode,
  type Message,
  type NetworkName,
  type NodeEvent,
  openChain,
  regtest,
  testnet,
} from '../../src/index.ts'

const run = promisify(execFile)
const ROOT = resolve(import.meta.dirname, '../..')
const open: { stop(): Promise<void> }[] = []

async function startNode(
  options: Partial<ConstructorParameters<typeof DilithionNode>[0]> = {},
): Promise<DilithionNode> {
  const node = new DilithionNode({ network: regtest, listen: { port: 0, host: '127.0.0.1' }, ...options })
  open.push(node)
  await node.start()
  return node
}

async function connectTo(node: DilithionNode): Promise<Client> {
  const client = await connect({ network: 'regtest', host: '127.0.0.1', port: portOf(node) })
  open.push({ stop: () => client.close() })
  return client
}

function portOf(node: DilithionNode): number {
  if (node.listenPort === undefined) throw new Error('the node does not listen')
  return node.listenPort
}

/** Starts a node whose events can be awaited. */
async function observedNode(): Promise<{
  node: DilithionNode
  seen: (type: NodeEvent['type']) => Promise<NodeEvent>
}> {
  const events: NodeEvent[] = []
  const waiting = new Set<() => void>()
  const onEvent = (event: NodeEvent): void => {
    events.push(event)
    for (const wake of waiting) wake()
  }
  const node = await startNode({ onEvent })
  const seen = (type: NodeEvent['type']): Promise<NodeEvent> =>
    new Promise((found) => {
      const look = (): void => {
        const event = events.find((e) => e.type === type)
        if (event === undefined) return
        waiting.delete(look)
        found(event)
      }
      waiting.add(look)
      look()
    })
  return { node, seen }
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((thing) => thing.stop()))
})

describe('connect', () => {
  it('shakes hands and tells what the node said of itself', async () => {
    const client = await connectTo(await startNode())
    expect(client.version).toMatchObject({ version: 70011, layout: 'current', startHeight: 0 })
    expect(client.version.userAgent).toMatch(/^\/Dilithion:\d+\.\d+\.\d+\/$/)
  })

  it('answers what is asked, by type and by iteration', async () => {
    const client = await connectTo(await startNode())
    client.send({ type: 'getheaders', locator: [], stop: new Uint8Array(32) })
    const { headers } = await client.next('headers', 5_000)
    expect(headers.length).toBe(0)
    client.send({ type: 'ping', nonce: 77n })
    const messages: Message[] = []
    for await (const message of client) {
      messages.push(message)
      if (message.type === 'pong' && message.nonce === 77n) break
    }
    expect(messages.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['getaddr', 'sendheaders', 'sendcmpct', 'pong']),
    )
  })

  it('tells the node at which height it is', async () => {
    const node = await startNode()
    const client = await connect({
      network: 'regtest',
      host: '127.0.0.1',
      port: portOf(node),
      startHeight: 1_234,
    })
    open.push({ stop: () => client.close() })
    expect(node.peers()).toMatchObject([{ startHeight: 1_234 }])
  })

  it.each([
    [
      'a user agent that is too long',
      { userAgent: 'x'.repeat(257) },
      /the user agent has 257 bytes, 256 at most/,
    ],
    ['a user agent of other characters', { userAgent: '/кот/' }, /character/],
    ['a height that is none', { startHeight: -1 }, '-1 is no height'],
    ['a height that is too large', { startHeight: 2 ** 31 }, '2147483648 is no height'],
    ['a port that is none', { port: 70_000 }, '70000 is no port to dial'],
    ['no host', { host: '' }, "'' is neither an IP address nor a host name"],
    ['brackets', { host: '[::1]' }, "'[::1]' is neither an IP address nor a host name"],
  ])('refuses %s at once', async (_, said, text) => {
    const attempt = connect({ network: 'regtest', host: '127.0.0.1', port: 1, ...said })
    await expect(attempt).rejects.toBeInstanceOf(RangeError)
    await expect(attempt).rejects.toThrow(text)
  })

  it('says why when nobody listens', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await new Promise((done) => server.once('listening', done))
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    await new Promise((done) => server.close(done))
    const attempt = connect({ network: 'regtest', host: '127.0.0.1', port })
    await expect(attempt).rejects.toThrow(/can't connect to 127.0.0.1:\d+: connection refused/)
  })

  it('says why when the chain is another', async () => {
    const node = await startNode({ network: { ...regtest, genesisHash: new Uint8Array(32).fill(7) } })
    const attempt = connect({ network: 'regtest', host: '127.0.0.1', port: portOf(node) })
    await expect(attempt).rejects.toBeInstanceOf(ConnectionError)
    await expect(attempt).rejects.toThrow(/handshake failed: the peer refuses us \(genesis block mismatch\)/)
  })

  it('names the networks there are to a program that asks for another', async () => {
    const network = String('toString') as NetworkName
    const attempt = connect({ network, host: '127.0.0.1' })
    await expect(attempt).rejects.toThrow(
      "unknown network 'toString': expected one of mainnet, testnet, regtest",
    )
  })

  it('gives up on a node that says nothing', async () => {
    const server = createServer((socket) => void socket.resume()).listen(0, '127.0.0.1')
    open.push({ stop: () => new Promise((done) => server.close(() => done())) })
    await new Promise((done) => server.once('listening', done))
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const attempt = connect({ network: 'regtest', host: '127.0.0.1', port, timeoutMs: 50 })
    await expect(attempt).rejects.toThrow(/no handshake with 127.0.0.1:\d+ within 50 ms/)
  })

  it('tells when and why the connection ended', async () => {
    const node = await startNode()
    const client = await connectTo(node)
    const answer = expect(client.next('block', 30_000)).rejects.toThrow(
      /the connection has ended: closed by the peer/,
    )
    await node.stop()
    expect(await client.closed).toBe('closedByPeer')
    await answer
    expect(() => client.send({ type: 'getaddr' })).toThrow(ConnectionError)
    const left: Message[] = []
    for await (const message of client) left.push(message)
    expect(left.every(({ type }) => type !== 'block')).toBe(true)
  })

  it('finds the message waited for behind more of others than it keeps', async () => {
    const { node, seen } = await observedNode()
    const client = await connectTo(node)
    const complete = await seen('handshakeComplete')
    if (complete.type !== 'handshakeComplete') throw new Error('unexpected')
    for (let i = 0; i < 1_000; i++) node.send(complete.peer, { type: 'sendheaders' })
    node.send(complete.peer, { type: 'addr', addresses: [] })
    expect(await client.next('addr', 10_000)).toEqual({ type: 'addr', addresses: [] })
  })

  it('keeps keepalive to itself', async () => {
    const { node, seen } = await observedNode()
    const client = await connectTo(node)
    await seen('handshakeComplete')
    node.pingAll()
    client.send({ type: 'ping', nonce: 5n })
    expect(await client.next('pong', 5_000)).toEqual({ type: 'pong', nonce: 5n })
    await expect(client.next('ping', 50)).rejects.toThrow("no 'ping' within 50 ms")
  })

  it('does not read what is not taken, and loses nothing of it', async () => {
    const { node, seen } = await observedNode()
    const client = await connectTo(node)
    const complete = await seen('handshakeComplete')
    if (complete.type !== 'handshakeComplete') throw new Error('unexpected')
    for (let nonce = 1n; nonce <= 2_000n; nonce++) node.send(complete.peer, { type: 'pong', nonce })
    const nonces: bigint[] = []
    for await (const message of client) {
      if (message.type === 'pong' && message.nonce <= 2_000n) nonces.push(message.nonce)
      if (nonces.length === 2_000) break
    }
    expect(nonces).toEqual(Array.from({ length: 2_000 }, (_, i) => BigInt(i + 1)))
  })
})

describe('DilithionNode', () => {
  it('refuses a message that can not be written where the caller sees it', async () => {
    const { node, seen } = await observedNode()
    await connectTo(node)
    const complete = await seen('handshakeComplete')
    if (complete.type !== 'handshakeComplete') throw new Error('unexpected')
    const tooLong: Message = { type: 'getblocks', body: new Uint8Array(9_000) }
    expect(() => node.send(complete.peer, tooLong)).toThrow(RangeError)
    expect(node.send(99, { type: 'verack' })).toBe(false)
    expect(node.peers()).toHaveLength(1)
  })

  it('refuses a chain that another node has, or that is of another network', async () => {
    const chain = await openChain({ network: regtest })
    open.push({ stop: () => chain.close() })
    expect(() => new DilithionNode({ network: testnet, chain })).toThrow(
      'the chain given is not that of testnet',
    )
    new DilithionNode({ network: regtest, chain })
    expect(() => new DilithionNode({ network: regtest, chain })).toThrow('belongs to another node')
  })

  it('can be stopped from within an event, whatever it was doing', async () => {
    const other = await startNode()
    const node: DilithionNode = await startNode({
      onEvent: (event) => void (event.type === 'connected' && node.stop()),
    })
    node.addNode({ host: '127.0.0.1', port: portOf(other) }, true)
    node.addNode({ host: 'localhost', port: portOf(other) }, true)
    await node.stop()
    expect(node.peers()).toEqual([])
  })

  it('upgrades a single try to a peer that is kept', async () => {
    const node = await startNode()
    const target = { host: '127.0.0.1', port: 1 }
    expect(node.addNode(target, false)).toBe('added')
    expect(node.removeNode(target)).toBe(false)
    expect(node.addNode(target, false)).toBe('added')
    expect(node.addNode(target, true)).toBe('added')
    expect(node.addNode(target, true)).toBe('alreadyAdded')
    expect(node.addedNodes()).toEqual([{ address: '127.0.0.1:1', connected: false }])
  })
})

describe('examples', () => {
  it('list-peers shows the peers that a node dialled', async () => {
    const other = await startNode()
    const { node, seen } = await observedNode()
    node.addNode({ host: '127.0.0.1', port: portOf(other) }, true)
    await seen('handshakeComplete')
    const { stdout } = await run(
      process.execPath,
      ['examples/list-peers.mjs', `127.0.0.1:${portOf(node)}`, 'regtest'],
      { cwd: ROOT },
    )
    expect(stdout).toMatch(/runs \/Dilithion:/)
    expect(stdout).toContain(`127.0.0.1:${portOf(other)}  services 1`)
  })

  it('decode-capture prints what a node of the network said', async () => {
    const { stdout } = await run(
      process.execPath,
      ['examples/decode-capture.mjs', 'examples/mainnet.capture'],
      { cwd: ROOT },
    )
    const lines = stdout.trim().split('\n')
    expect(lines[0]).toMatch(/^version .*"userAgent":"\/Dilithion:v4.0.18\/"/)
    expect(lines.map((line) => line.split(' ')[0])).toEqual(
      expect.arrayContaining(['addr', 'headers', 'block', 'blocktxn', 'reject']),
    )
  })

  it('are short enough to be read at a glance', async () => {
    const { stdout } = await run('wc', ['-l', 'examples/list-peers.mjs', 'examples/decode-capture.mjs'], {
      cwd: ROOT,
    })
    for (const [count = ''] of stdout.matchAll(/\d+(?= examples)/g))
      expect(Number(count)).toBeLessThanOrEqual(25)
  })
})

describe('signatures', () => {
  it('are made and verified by threads of the library and of the programs, which let the process end', async () => {
    const program = `
      import { createSignatures } from './dist/lib/index.js'
      const urls = [undefined, new URL('dist/bin/signature-worker.js', 'file://' + process.cwd() + '/')]
      for (const workerUrl of urls) {
        const { signer, verifier } = createSignatures({ threads: 1, workerUrl })
        const message = new Uint8Array(32).fill(1)
        const [signed] = await signer.sign([{ secret: new Uint8Array(32).fill(2), message }])
        const other = new Uint8Array(32)
        console.log(await verifier.verifyBatch([{ ...signed, message }, { ...signed, message: other }]))
      }`
    const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', program], { cwd: ROOT })
    expect(stdout).toBe('[ true, false ]\n[ true, false ]\n')
  })
})
