/** The shell's own promises: effects are done in order and to the end, whoever listens to events. */
import { connect } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { NodeCore } from '../../src/core/core.ts'
import type { NodeEvent } from '../../src/core/seam.ts'
import { regtest } from '../../src/params/networks.ts'
import type { HostPort } from '../../src/primitives/ip.ts'
import { SystemClock } from '../../src/shell/clock.ts'
import { ConnectionManager } from '../../src/shell/connection-manager.ts'
import { eventually } from '../../testkit/changes.ts'
import { DEFAULT_LIMITS } from '../../testkit/sim/node.ts'
import { randomOfSeed } from '../../testkit/sim/world.ts'
import { SocksServer } from '../../testkit/socks-server.ts'
import { PeerListener } from '../../testkit/tcp-peer.ts'

const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

interface Started {
  readonly core: NodeCore
  readonly manager: ConnectionManager
  readonly port: number
}

async function start(onEvent: (event: NodeEvent) => void, proxy?: HostPort): Promise<Started> {
  const clock = new SystemClock()
  const identity = { userAgent: '/Test:1/', startHeight: 0 }
  const core = new NodeCore(
    { network: regtest, identity, limits: DEFAULT_LIMITS, random: randomOfSeed(1) },
    clock.now(),
  )
  const manager = new ConnectionManager({ core, clock, onEvent, onListenerError: () => undefined, proxy })
  stops.push(() => manager.stop())
  return { core, manager, port: await manager.listen(0, '127.0.0.1') }
}

describe('a listener that throws', () => {
  it('is heard of, and keeps nothing from being done', async () => {
    const thrown = new Promise<unknown>((resolve) => {
      const listeners = process.listeners('uncaughtException')
      process.removeAllListeners('uncaughtException')
      process.once('uncaughtException', (error) => {
        for (const listener of listeners) process.on('uncaughtException', listener)
        resolve(error)
      })
    })
    const { core, port } = await start((event) => {
      if (event.type === 'accepted') throw new Error('our listener is broken')
    })
    const socket = connect(port, '127.0.0.1')
    expect(String(await thrown)).toContain('our listener is broken')
    expect(core.peers.size).toBe(1)
    // The peer is watched: bytes that make no sense still end it.
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.resume().write('GET / HTTP/1.1\r\nHost: nobody\r\n\r\n')
    await closed
    expect(core.peers.size).toBe(0)
  })
})

describe('a node behind a proxy', () => {
  it('shakes hands with a peer that it knows only by name', async () => {
    const listener = await PeerListener.open()
    const proxy = await SocksServer.open({ upstreamPort: listener.port })
    stops.push(async () => {
      listener.close()
      proxy.close()
    })
    const { core, manager } = await start(() => undefined, { host: '127.0.0.1', port: proxy.port })
    const target = { host: 'node.example.onion', port: 18_444 }
    manager.command({ type: 'addTarget', target, keep: true })
    const peer = await listener.accept()
    await peer.answerHandshake()
    await peer.ping()
    expect(proxy.requests).toMatchObject([{ host: 'node.example.onion', port: 18_444 }])
    const ready = () => ([...core.peers.all()].some(({ state }) => state === 'ready') ? true : undefined)
    await eventually(ready, 'the handshake')
  })

  it('looks up no names, and says so at once', async () => {
    const { core, manager } = await start(() => undefined, { host: '127.0.0.1', port: 9 })
    const handle = vi.spyOn(core, 'handle')
    handle.mockReturnValueOnce([{ type: 'resolve', names: ['seed.example.invalid'] }])
    manager.command({ type: 'pingAll' })
    expect(handle.mock.calls.map(([input]) => input)).toEqual([
      { type: 'pingAll' },
      { type: 'resolved', addresses: [] },
    ])
  })
})
