/** The tests of the founding plan, as it wrote them: the same commands, the same lines, the same 30 seconds. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Lab, type NodeProcess } from '../../testkit/process.ts'

const lab = new Lab()
afterAll(() => lab.close())

/** A line of the plan; the size of what was sent may stand behind it. */
const line = (text: string): RegExp => new RegExp(`^\\[P2P\\] ${text}(?: \\(\\d+ bytes\\))?$`)

describe('two nodes on the ports of the plan', () => {
  const home = lab.newFolder()
  let first: NodeProcess
  let second: NodeProcess

  beforeAll(async () => {
    const dataDir = undefined
    const common = { home, cwd: home, dataDir, ownPorts: true }
    first = lab.start({ ...common, args: ['--testnet', '--port=18444', '--rpcport=18332'] })
    await first.waitForLine('[P2P] Listening on port 18444')
    const peer = ['--connect=127.0.0.1:18444', '--datadir=.dilithion-testnet-2']
    second = lab.start({ ...common, args: ['--testnet', '--port=18445', '--rpcport=18333', ...peer] })
  })

  it('prints the lines of the first node in their order', async () => {
    const lines = await first.waitForLines([
      /^\[P2P\] New peer connected: 127\.0\.0\.1:\d+$/,
      /^\[P2P\] Peer 1 accepted: 127\.0\.0\.1:\d+$/,
      "[P2P] Received 'version' from peer 1",
      '  Protocol: 70001',
      '  User Agent: Dilithion:1.0.0',
      '  Start Height: 0',
      line("Sent 'verack' to peer 1"),
      line('Handshake complete with peer 1'),
    ])
    const [connected = '', accepted = ''] = lines
    expect(accepted.split(': ')[1]).toBe(connected.split(': ')[1])
    const version = first.log.indexOf("[P2P] Received 'version' from peer 1")
    expect(first.log.slice(version + 1, version + 4)).toEqual(lines.slice(3, 6))
  })

  it('prints the lines of the second node in their order', async () => {
    await second.waitForLines([
      '[P2P] Connecting to 127.0.0.1:18444...',
      line('Connected to peer 1'),
      line("Sent 'version' to peer 1"),
      line("Received 'version' from peer 1"),
      line("Sent 'verack' to peer 1"),
      line("Received 'verack' from peer 1"),
      line('Handshake complete with peer 1'),
    ])
    expect(second.log).toContain('  User Agent: Dilithion:1.0.0')
  })

  it('listens on both ports of both nodes, in the right directories', async () => {
    await first.waitForLine('[RPC] Listening on 127.0.0.1:18332')
    await second.waitForLine('[P2P] Listening on port 18445')
    await second.waitForLine('[RPC] Listening on 127.0.0.1:18333')
    expect(existsSync(join(home, '.dilithion-testnet/.lock'))).toBe(true)
    expect(existsSync(join(home, '.dilithion-testnet-2/.lock'))).toBe(true)
  })

  // The one test that waits on the real clock; what else keepalive does is tested on a clock that is set.
  it('pings again after 30 seconds', { timeout: 90_000 }, async () => {
    for (const node of [first, second]) {
      const pong = /^\[P2P\] Received 'pong' from peer 1 \(nonce: (\d+)\)$/
      const once = await node.waitForLine(pong)
      const sent = await node.waitForLine(line("Sent 'ping' to peer 1"), once.index + 1, 60_000)
      const again = await node.waitForLine(pong, sent.index + 1)
      expect(again.match[1]).not.toBe(once.match[1])
    }
    const seconds = (at: number): number => Date.parse(first.stamps[at] ?? '') / 1_000
    const pings = first.log.flatMap((text, at) => (line("Sent 'ping' to peer 1").test(text) ? [at] : []))
    const [start = -1, next = -1] = pings
    expect(seconds(next) - seconds(start)).toBeGreaterThanOrEqual(29.9)
    expect(seconds(next) - seconds(start)).toBeLessThan(40)
  })

  it('ends both', async () => {
    for (const node of [second, first]) {
      const exit = await node.stop('SIGINT')
      expect(exit).toMatchObject({ code: 0, signal: null })
      expect(exit.afterMs).toBeLessThan(2_000)
      expect(node.errors).toEqual([])
    }
    await first.waitForLine(/^\[P2P\] Peer 1 disconnected: /)
  })
})

describe('three nodes, each connected to each', () => {
  it('completes all handshakes, pings over all connections and ends without a crash', async () => {
    const args = ['--testnet']
    const a = await lab.startListening({ args })
    const b = await lab.startListening({ args: [...args, `--connect=127.0.0.1:${a.port}`] })
    const addresses = [`--connect=127.0.0.1:${a.port}`, `--connect=127.0.0.1:${b.port}`]
    const c = await lab.startListening({ args: [...args, ...addresses] })
    const nodes = [a.node, b.node, c.node]

    for (const node of nodes) {
      for (const peer of [1, 2]) {
        const { index } = await node.waitForLine(`[P2P] Handshake complete with peer ${peer}`)
        await node.waitForLine(new RegExp(`^\\[P2P\\] Received 'pong' from peer ${peer} `), index)
      }
      const from = node.log.length
      await node.rpc('ping')
      for (const peer of [1, 2]) {
        await node.waitForLine(line(`Sent 'ping' to peer ${peer}`), from)
        await node.waitForLine(new RegExp(`^\\[P2P\\] Received 'pong' from peer ${peer} `), from)
      }
    }

    const exits = await Promise.all([a.node.stop('SIGTERM'), b.node.stop('SIGINT'), c.node.stop('SIGTERM')])
    for (const exit of exits) {
      expect(exit).toMatchObject({ code: 0, signal: null })
      expect(exit.afterMs).toBeLessThan(2_000)
    }
    for (const node of nodes) expect(node.errors).toEqual([])
  })
})
