/** One socket of a peer: what is told of its progress, and how it ends. */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { LINGER_TIMEOUT_MS } from '../../src/params/limits.ts'
import { peerId } from '../../src/primitives/brand.ts'
import { Connection } from '../../src/shell/connection.ts'
import { eventually } from '../../testkit/changes.ts'

const ends: (() => void)[] = []
afterEach(() => {
  for (const end of ends.splice(0)) end()
})

interface Pair {
  readonly connection: Connection
  /** The peer's end: it keeps its side open until it is told to end it. */
  readonly peer: Socket
  /** Resolves when our side has ended. */
  readonly closed: Promise<string | undefined>
  /** Bytes that the system is said to have taken. */
  readonly flushed: () => number
}

async function open(): Promise<Pair> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const accepted = once(server, 'connection')
  const peer = connect({ port, host: '127.0.0.1', allowHalfOpen: true }).on('error', () => undefined)
  const [socket]: Socket[] = await accepted
  server.close()
  if (socket === undefined) throw new Error('no connection')
  ends.push(() => peer.destroy())
  let report: (error: string | undefined) => void = () => undefined
  const closed = new Promise<string | undefined>((resolve) => {
    report = resolve
  })
  let flushed = 0
  const connection = new Connection(peerId(1), socket, {
    bytes: () => undefined,
    flushed: (_, bytes) => {
      flushed += bytes
    },
    closed: (_, error) => report(error),
  })
  ends.push(() => connection.destroy())
  return { connection, peer, closed, flushed: () => flushed }
}

describe('a peer that reads slowly', () => {
  it('is seen to take what it takes, however much was written at once', async () => {
    const { connection, peer, flushed } = await open()
    const pieces = [10, 1_000, 100_000, 50_000_000, 7]
    connection.write(pieces.map((length) => new Uint8Array(length)))
    let received = 0
    peer.on('data', (chunk: Uint8Array) => {
      received += chunk.length
      if (received > 2_000_000) peer.pause()
    })
    await eventually(() => (flushed() > 2_000_000 ? true : undefined), 'progress')
    expect(flushed()).toBeLessThan(50_000_000)
    peer.removeAllListeners('data').resume()
    await eventually(() => (flushed() === 50_101_017 ? true : undefined), 'the end')
  })

  it('gets the bytes in their order', async () => {
    const { connection, peer } = await open()
    const sent = Uint8Array.from({ length: 700_001 }, (_, i) => i % 251)
    const cuts = [0, 1, 65_536, 65_537, 200_000, 200_010, 700_001]
    const chunks = cuts.slice(1).map((end, i) => sent.subarray(cuts[i], end))
    connection.write(chunks.slice(0, 4))
    connection.write(chunks.slice(4))
    const received: Uint8Array[] = []
    peer.on('data', (chunk: Uint8Array) => received.push(chunk))
    const got = await eventually(() => {
      const all = Buffer.concat(received)
      return all.length === sent.length ? all : undefined
    }, 'all bytes')
    expect(Buffer.compare(got, sent)).toBe(0)
  })
})

describe('a peer that ends its side', () => {
  it('ends the connection', async () => {
    const { peer, closed } = await open()
    peer.resume().end()
    expect(await closed).toBeUndefined()
  })

  it('still gets what was written before', async () => {
    const { connection, peer, closed } = await open()
    const before = new Uint8Array(3_000_000)
    connection.write([before])
    peer.end()
    let received = 0
    peer.on('data', (chunk: Uint8Array) => {
      received += chunk.length
    })
    expect(await closed).toBeUndefined()
    await eventually(() => (received === before.length ? true : undefined), 'all that was written')
  })

  it('is not waited for if it does not read', async () => {
    const { connection, peer, closed } = await open()
    connection.write([new Uint8Array(30_000_000)])
    peer.pause()
    const before = performance.now()
    peer.end()
    await closed
    expect(performance.now() - before).toBeLessThan(LINGER_TIMEOUT_MS + 3_000)
  })
})
