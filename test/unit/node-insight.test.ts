/** Two real nodes on loopback: what they remember, count and say of each other; and the watch over what is wrong. */
import { afterEach, describe, expect, it } from 'vitest'
import { DiagnosisWatch } from '../../src/node/diagnosis-watch.ts'
import { DilithionNode } from '../../src/node/node.ts'
import type { NodeOptions } from '../../src/node/node-options.ts'
import { regtest } from '../../src/params/networks.ts'
import { eventually } from '../../testkit/changes.ts'
import { FakeControl, readyPeer } from './rpc-fixtures.ts'

const nodes: DilithionNode[] = []
afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.stop()))
})

async function start(options: Partial<NodeOptions>): Promise<DilithionNode> {
  const node = new DilithionNode({ network: regtest, ...options })
  nodes.push(node)
  await node.start()
  return node
}

describe('a node', () => {
  it('remembers its peers while they are there, and how they ended', async () => {
    const listener = await start({ listen: { port: 0, host: '127.0.0.1' } })
    const target = { host: '127.0.0.1', port: listener.listenPort ?? 0 }
    const dialler = await start({ targets: [target], health: {} })
    await eventually(() => dialler.peers().find(({ state }) => state === 'ready'), 'a handshake')
    await eventually(() => listener.peers().find(({ state }) => state === 'ready'), 'a handshake')
    const [peer] = dialler.peers()
    if (peer === undefined) throw new Error('no peer')
    expect(dialler.history.eventsOf(peer.id).map(({ text }) => text)).toEqual([
      'dialled',
      'its version: 70011',
      'handshake complete',
    ])
    expect(listener.counters()).toMatchObject({ connections: { accepted: 1, handshakes: 1, dialled: 0 } })
    expect(dialler.counters()['bytes']?.['sent']).toBeGreaterThan(100)
    expect(dialler.health().eventLoop).toBeDefined()
    expect(listener.health().eventLoop).toBeUndefined()

    expect(dialler.removeNode(target)).toBe(true)
    expect(dialler.disconnectPeer(peer.id)).toBe(true)
    expect(dialler.history.eventsOf(peer.id)).toEqual([])
    expect(dialler.history.ends()).toMatchObject([
      { what: 'disconnected', reason: 'requested', kind: 'manual', wasReady: true, gotVersion: true },
    ])
    const end = await eventually(() => listener.history.ends()[0], 'an end')
    expect(end).toMatchObject({ inbound: true, reason: 'closedByPeer', kind: 'inbound' })
    expect(dialler.counters()).toMatchObject({ disconnected: { requested: 1 } })
    await dialler.stop()
    expect(dialler.health().eventLoop).toBeUndefined()
  })
})

describe('DiagnosisWatch', () => {
  it('tells of a problem that lasts, again every hour, and when it is over', () => {
    const control = new FakeControl(regtest)
    control.added = [{ address: '127.0.0.1:1', connected: false }]
    const watch = new DiagnosisWatch()
    const check = (times: number) =>
      Array.from({ length: times }, () => watch.check(control)).flatMap((notice) => notice ?? [])
    expect(check(2)).toEqual([])
    expect(check(1)).toEqual([
      {
        level: 'warn',
        code: 'waiting',
        text: expect.stringMatching(/^No outbound peers\. All .* getdisconnects /),
      },
    ])
    expect(check(59)).toEqual([])
    expect(check(1)).toMatchObject([{ code: 'waiting' }])
    const failed = { type: 'dialFailed', address: '127.0.0.1:1', retryMs: 1, kind: 'manual' } as const
    control.tell({ ...failed, error: 'no route to the network' })
    expect(check(9)).toMatchObject([{ level: 'warn', code: 'noRoute' }])
    control.snapshots = [readyPeer(1)]
    expect(check(9)).toMatchObject([{ level: 'info', code: 'healthy' }])
    control.snapshots = []
    expect(check(2)).toEqual([])
    control.snapshots = [readyPeer(1)]
    expect(check(9)).toEqual([])
  })
})
