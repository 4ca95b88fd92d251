/** The shell's own promises: effects are done in order and to the end, whoever listens to events. */
import { connect } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { NodeCore } from '../../src/core/core.ts'
import type { NodeEvent } from '../../src/core/seam.ts'
import { regtest } from '../../src/params/networks.ts'
import { SystemClock } from '../../src/shell/clock.ts'
import { ConnectionManager } from '../../src/shell/connection-manager.ts'
import { DEFAULT_LIMITS } from '../../testkit/sim/node.ts'
import { randomOfSeed } from '../../testkit/sim/world.ts'

const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

async function start(onEvent: (event: NodeEvent) => void): Promise<{ core: NodeCore; port: number }> {
  const clock = new SystemClock()
  const identity = { userAgent: '/Test:1/', startHeight: 0 }
  const core = new NodeCore(
    { network: regtest, identity, limits: DEFAULT_LIMITS, random: randomOfSeed(1) },
    clock.now(),
  )
  const manager = new ConnectionManager({ core, clock, onEvent, onListenerError: () => undefined })
  stops.push(() => manager.stop())
  return { core, port: await manager.listen(0, '127.0.0.1') }
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
