/** How a real node starts and ends: its lock, signals at any moment and under load, readers that go away. */
import { existsSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { regtest } from '../../src/params/networks.ts'
import { eventually } from '../../testkit/changes.ts'
import { type Exit, filesIn, LAUNCHER, Lab, type NodeProcess } from '../../testkit/process.ts'
import { makeFrame, TcpPeer } from '../../testkit/tcp-peer.ts'

const lab = new Lab()
afterAll(() => lab.close())

const SHUTDOWN_MS = 2_000

function expectCleanEnd(node: NodeProcess, exit: Exit): void {
  expect(exit).toMatchObject({ code: 0, signal: null })
  expect(exit.afterMs).toBeLessThan(SHUTDOWN_MS)
  expect(node.errors).toEqual([])
  expect(filesIn(node.dataDir)).toEqual([])
}

describe('the lock of a data directory', () => {
  it('refuses a second node, and leaves the first one alone', async () => {
    const { node: first } = await lab.startListening({ args: ['--regtest'] })
    const second = lab.start({ args: ['--testnet'], dataDir: first.dataDir })
    expect((await second.waitForExit()).code).toBe(1)
    expect(second.errors).toEqual([
      `dilithion-node: data directory ${first.dataDir} is used by another node (process ${first.pid}): stop it, or choose another with --datadir=DIR`,
    ])
    expect(await first.rpc('getconnectioncount')).toBe(0)
    expectCleanEnd(first, await first.stop())
  })

  it('is not held by a node that was killed', async () => {
    const { node: killed } = await lab.startListening({ args: ['--regtest'] })
    await killed.stop('SIGKILL')
    expect(filesIn(killed.dataDir)).toEqual(['.cookie', '.lock'])
    const { node } = await lab.startListening({ args: ['--regtest'], dataDir: killed.dataDir })
    expect(await node.rpc('getconnectioncount')).toBe(0)
    expectCleanEnd(node, await node.stop())
  })

  it('lets exactly one of several have it that start at once after that', async () => {
    const { node: killed } = await lab.startListening({ args: ['--regtest'] })
    await killed.stop('SIGKILL')
    const nodes = [1, 2, 3, 4].map(() => lab.start({ args: ['--regtest'], dataDir: killed.dataDir }))
    const listening = await Promise.all(
      nodes.map((node) =>
        node.p2pPort().then(
          () => true,
          () => false,
        ),
      ),
    )
    expect(listening.filter(Boolean)).toHaveLength(1)
    for (const [i, node] of nodes.entries()) {
      if (listening[i]) expectCleanEnd(node, await node.stop())
      else
        expect(node.errors).toEqual([expect.stringMatching(/^dilithion-node: (data directory|can't lock)/)])
    }
  })
})

describe('a signal', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('%s ends a node at rest', async (signal) => {
    const { node } = await lab.startListening({ args: ['--regtest'] })
    const exit = await node.stop(signal)
    expect(node.log.slice(-2)).toEqual([`[Node] Stopping (${signal})`, '[Node] Stopped'])
    expectCleanEnd(node, exit)
  })

  it('that the terminal has been closed means nothing to a node that writes elsewhere', async () => {
    const { node, port } = await lab.startListening({ args: ['--regtest'] })
    node.signal('SIGHUP')
    await (await TcpPeer.join({ port })).ping()
    expectCleanEnd(node, await node.stop())
  })

  it('ends a node with 50 peers, which all see the connection end', async () => {
    const { node, port } = await lab.startListening({ args: ['--regtest'] })
    const peers = await Promise.all(Array.from({ length: 50 }, () => TcpPeer.join({ port })))
    expectCleanEnd(node, await node.stop('SIGINT'))
    for (const peer of peers) expect(await peer.waitForEnd()).toEqual({ error: undefined })
  })

  it('ends a node under load: one peer floods it, one never reads, some never finish', async () => {
    const { node, port } = await lab.startListening({ args: ['--regtest'] })
    const pings = Buffer.concat(Array(500).fill(makeFrame(regtest.magic, 'ping', new Uint8Array(8))))
    const deaf = lab.atEnd(await TcpPeer.join({ port }))
    deaf.socket.pause()
    for (let i = 0; i < 200; i++) deaf.sendBytes(pings)
    for (let i = 0; i < 20; i++) lab.atEnd(await TcpPeer.connect({ port })).sendBytes(pings.subarray(0, 10))
    const flooder = await TcpPeer.join({ port })
    const flood = (): void => {
      while (flooder.sendBytes(pings));
    }
    flooder.socket.on('drain', flood)
    flood()
    await flooder.ping()
    expectCleanEnd(node, await node.stop('SIGTERM'))
  })

  it('ends a node that is busy dialling, without a word about what it gave up', async () => {
    // Nobody answers there: packets to this network are dropped or refused, either is fine.
    const args = [
      '--regtest',
      '--connect=192.0.2.1:1',
      '--connect=no.such.host.invalid',
      '--connect=127.0.0.1:1',
    ]
    const { node } = await lab.startListening({ args })
    await node.waitForLine(/Could not connect to 127\.0\.0\.1:1/)
    const exit = await node.stop('SIGINT')
    expectCleanEnd(node, exit)
    expect(node.log.slice(node.log.indexOf('[Node] Stopping (SIGINT)')).join('\n')).not.toMatch(
      /Could not connect/,
    )
  })

  it('ends a node at any moment of its start', async () => {
    for (const delayMs of [20, 60, 90, 120, 150]) {
      const node = lab.start({ args: ['--regtest'] })
      // On purpose a time and not a condition: wherever the start is then.
      await new Promise((resolve) => setTimeout(resolve, delayMs))
      const exit = await node.stop('SIGTERM')
      expect(exit.code === 0 || exit.signal === 'SIGTERM' || exit.code === 143).toBe(true)
      expect(node.errors).toEqual([])
      const { node: next } = await lab.startListening({ args: ['--regtest'], dataDir: node.dataDir })
      expectCleanEnd(next, await next.stop())
    }
  })

  it('ends it at once when it comes again', async () => {
    const { node, port } = await lab.startListening({ args: ['--regtest'] })
    // A peer that keeps its side open makes the node wait for a second.
    const stubborn = await new Promise<Socket>((resolve) => {
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => resolve(socket))
    })
    stubborn.on('error', () => undefined)
    lab.atEnd({ close: () => stubborn.destroy() })
    await node.waitForLine(/^\[P2P\] Peer 1 accepted/)
    node.signal('SIGINT')
    await node.waitForLine('[Node] Stopping (SIGINT)')
    const exit = await node.stop('SIGINT')
    expect(exit).toMatchObject({ code: 130 })
    expect(exit.afterMs).toBeLessThan(500)
    expect(node.errors).toEqual([])
    const { node: next } = await lab.startListening({ args: ['--regtest'], dataDir: node.dataDir })
    expectCleanEnd(next, await next.stop())
  })

  it('waits no longer than a second for a peer that keeps its side open', async () => {
    const { node, port } = await lab.startListening({ args: ['--regtest'] })
    const stubborn = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    stubborn.on('error', () => undefined)
    lab.atEnd({ close: () => stubborn.destroy() })
    await node.waitForLine(/^\[P2P\] Peer 1 accepted/)
    expectCleanEnd(node, await node.stop('SIGTERM'))
  })
})

describe('other ends', () => {
  it('stops when told to by RPC', async () => {
    const { node, port } = await lab.startListening({ args: ['--regtest'] })
    const peer = await TcpPeer.join({ port })
    await node.rpc('stop', true)
    const exit = await node.waitForExit()
    expect(exit.code).toBe(0)
    expect(node.errors).toEqual([])
    await peer.waitForEnd()
    expect(existsSync(join(node.dataDir, '.lock'))).toBe(false)
  })

  it('neither grows nor stops when its output is not read, and tells later what is missing', async () => {
    const { node, port } = await lab.startListening({ args: ['--regtest', '--debug=net'] })
    const peer = await TcpPeer.join({ port })
    await peer.ping()
    const before = node.memory().rss
    node.child.stdout?.pause()
    const pings = Buffer.concat(Array(1_000).fill(makeFrame(regtest.magic, 'ping', new Uint8Array(8))))
    for (let i = 0; i < 60; i++) {
      peer.sendBytes(pings)
      await peer.ping()
    }
    expect(node.memory().rss - before).toBeLessThan(100 * 1_048_576)
    node.child.stdout?.resume()
    // A line is written only once there is something to say.
    await eventually(async () => {
      await peer.ping()
      return node.count(/^\[Node\] warning: \d{4,} lines were left out here/) > 0 ? true : undefined
    }, 'the word about the gap')
    expectCleanEnd(node, await node.stop())
  })

  it('ends in time even if its output is not read', async () => {
    const { node, port } = await lab.startListening({ args: ['--regtest', '--debug=net'] })
    const peer = await TcpPeer.join({ port })
    node.child.stdout?.pause()
    peer.sendBytes(Buffer.concat(Array(3_000).fill(makeFrame(regtest.magic, 'ping', new Uint8Array(8)))))
    await peer.ping()
    const exited = new Promise((resolve) => node.child.once('exit', (code) => resolve(code)))
    const before = performance.now()
    node.signal('SIGTERM')
    expect(await exited).toBe(0)
    // Ended by the guard, shortly before the two seconds.
    expect(performance.now() - before).toBeLessThan(SHUTDOWN_MS + 1_000)
    node.child.stdout?.resume()
    expect(filesIn(node.dataDir)).toEqual([])
  })

  it('ends cleanly if its data directory was taken away', async () => {
    const { node } = await lab.startListening({ args: ['--regtest'] })
    rmSync(node.dataDir, { recursive: true })
    expect(await node.stop()).toMatchObject({ code: 0 })
    expect(node.errors).toEqual([])
  })

  it('survives a lack of file descriptors, and serves again when there are some', async () => {
    const home = lab.newFolder()
    const dataDir = join(home, 'data')
    const command = `ulimit -n 60; exec "${LAUNCHER}" --regtest --port=0 --rpcport=0 --datadir=${dataDir}`
    const node = lab.spawn('/bin/sh', ['-c', command], { home, dataDir })
    const port = await node.p2pPort()
    const witness = lab.atEnd(await TcpPeer.join({ port }))
    const crowd = await Promise.all(Array.from({ length: 100 }, () => TcpPeer.connect({ port })))
    for (let i = 0; i < 10; i++) await witness.ping()
    for (const peer of crowd) peer.close()
    await Promise.all(crowd.map((peer) => peer.waitForEnd()))
    await eventually(async () => {
      const count = await node.rpc('getconnectioncount').catch(() => undefined)
      return count === 1 ? true : undefined
    }, 'the witness alone')
    lab.atEnd(await TcpPeer.join({ port }))
    await witness.ping()
    expectCleanEnd(node, await node.stop())
  })

  it('goes on when nobody reads its output any more', async () => {
    const { node, port } = await lab.startListening({ args: ['--regtest', '--debug=all'] })
    const rpcPort = await node.rpcPort()
    node.child.stdout?.destroy()
    const peer = await TcpPeer.join({ port })
    for (let i = 0; i < 20; i++) await peer.ping()
    expect(await node.rpc('getconnectioncount')).toBe(1)
    expect(rpcPort).toBeGreaterThan(0)
    expectCleanEnd(node, await node.stop())
  })
})
