/** Who a real node connects to, whom it lets in, and where it listens. */
import { readdirSync, writeFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { eventually } from '../../testkit/changes.ts'
import { freePort, Lab, type NodeProcess } from '../../testkit/process.ts'
import { PeerListener, TcpPeer } from '../../testkit/tcp-peer.ts'

const lab = new Lab()
afterAll(() => lab.close())

const hasIpv6 = Object.values(networkInterfaces()).some((rows) =>
  rows?.some(({ address }) => address === '::1'),
)

/** Now on the clock of this machine, which a node's clock is then set to. */
const nowSeconds = (): number => Math.floor(Date.now() / 1_000)

async function listener(): Promise<PeerListener> {
  return lab.atEnd(await PeerListener.open())
}

async function connectionCount(node: NodeProcess): Promise<number> {
  return Number(await node.rpc('getconnectioncount'))
}

describe('listening', () => {
  it('takes no connections with --listen=0, and still dials', async () => {
    const target = await listener()
    const port = await freePort()
    const args = ['--regtest', '--listen=0', `--port=${port}`, '--rpcport=0', `--addnode=${target.address}`]
    const node = lab.start({ args, ownPorts: true })
    await node.waitForLine('[P2P] Not listening')
    await (await target.accept()).answerHandshake()
    await node.waitForLine('[P2P] Handshake complete with peer 1')
    await expect(TcpPeer.connect({ port })).rejects.toThrow(/ECONNREFUSED/)
    expect(await node.rpc('getnetworkinfo')).toMatchObject({ listening: false, connections: 1 })
  })

  it('listens on one address alone with --bind', async () => {
    const { node, port } = await lab.startListening({ args: ['--regtest', '--bind=127.0.0.1'] })
    expect(node.log).toContain(`[P2P] Listening on 127.0.0.1:${port}`)
    lab.atEnd(await TcpPeer.join({ port }))
    await expect(TcpPeer.connect({ port, host: '127.0.0.2' })).rejects.toThrow(/ECONNREFUSED/)
  })

  it('listens on all addresses without', async () => {
    const { port } = await lab.startListening({ args: ['--regtest'] })
    for (const host of ['127.0.0.1', '127.0.0.2', ...(hasIpv6 ? ['::1'] : [])]) {
      lab.atEnd(await TcpPeer.join({ port, host }))
    }
  })

  it('speaks IPv6, or says that this machine does not', async () => {
    const node = lab.start({ args: ['--regtest', '--bind=[::1]', '--debug=net'] })
    if (!hasIpv6) {
      expect((await node.waitForExit()).code).toBe(1)
      expect(node.errors).toHaveLength(1)
      return
    }
    const port = await node.p2pPort()
    const other = await lab.startListening({ args: ['--regtest', `--connect=[::1]:${port}`] })
    await node.waitForLine(/^\[P2P\] New peer connected: \[::1\]:\d+$/)
    await other.node.waitForLine(`[P2P] Connecting to [::1]:${port}...`)
    for (const each of [node, other.node]) await each.waitForLine('[P2P] Handshake complete with peer 1')
    expect(await other.node.rpc('getpeerinfo')).toMatchObject([{ addr: `[::1]:${port}`, inbound: false }])
  })
})

describe('dialling', () => {
  it('connects to each --connect once, by name and by address, and to nobody else', async () => {
    const targets = [await listener(), await listener()]
    const [byName, byAddress] = [`localhost:${targets[0]?.port}`, targets[1]?.address]
    const args = ['--regtest', `--connect=${byName}`, `--connect=${byAddress}`, `--connect=${byName}`]
    const { node } = await lab.startListening({ args })
    for (const target of targets) await (await target.accept()).answerHandshake()
    await eventually(async () => {
      const peers = (await node.rpc('getpeerinfo')) as { state: string }[]
      return peers.filter(({ state }) => state === 'handshake-complete').length === 2 ? true : undefined
    }, 'two complete handshakes')
    expect(await node.rpc('getaddednodeinfo')).toMatchObject([
      { addednode: byName, connected: true },
      { addednode: byAddress, connected: true },
    ])
    expect(node.count(/Connecting to /)).toBe(2)
    for (const target of targets) expect(target.count).toBe(1)
  })

  it('tells why a name leads nowhere, and goes on', async () => {
    const { node } = await lab.startListening({ args: ['--regtest', '--connect=no.such.host.invalid'] })
    const line = /^\[P2P\] Could not connect to no\.such\.host\.invalid:28444: .+; next attempt in 1 s$/
    const { text } = await node.waitForLine(line)
    expect(text).not.toMatch(/Error|ENOTFOUND|EAI_/)
  })

  it('finds a target that comes up later, and one that comes back', async () => {
    const port = await freePort()
    const { node } = await lab.startListening({ args: ['--regtest', `--addnode=127.0.0.1:${port}`] })
    const failed = `Could not connect to 127\\.0\\.0\\.1:${port}: connection refused; next attempt in \\d+ s`
    await node.waitForLine(new RegExp(`^\\[P2P\\] ${failed}$`))
    const first = lab.atEnd(await PeerListener.open({}, port))
    // Its next attempts, without the wait before them.
    await node.rpc('setmocktime', nowSeconds() + 100)
    const peer = await first.accept()
    await peer.answerHandshake()
    await node.waitForLine('[P2P] Handshake complete with peer 1')

    first.close()
    const { index } = await node.waitForLine(/^\[P2P\] Peer 1 disconnected: /)
    await node.rpc('setmocktime', nowSeconds() + 200)
    await node.waitForLine(new RegExp(`^\\[P2P\\] ${failed}$`), index)
    const second = lab.atEnd(await PeerListener.open({}, port))
    await node.rpc('setmocktime', nowSeconds() + 300)
    await (await second.accept()).answerHandshake()
    await node.waitForLine('[P2P] Handshake complete with peer 2', index)
  })

  it('waits longer after each failure, up to a minute', async () => {
    const port = await freePort()
    const { node } = await lab.startListening({ args: ['--regtest'] })
    const start = nowSeconds()
    await node.rpc('setmocktime', start)
    await node.rpc('addnode', `127.0.0.1:${port}`, 'add')
    const waits: number[] = []
    for (let attempt = 0, from = 0; attempt < 9; attempt++) {
      const line = await node.waitForLine(/^\[P2P\] Could not connect .*; next attempt in (\d+) s$/, from)
      waits.push(Number(line.match[1]))
      from = line.index + 1
      await node.rpc('setmocktime', start + 100 * (attempt + 1))
    }
    for (const [i, expected] of [1, 2, 4, 8, 16, 32, 60, 60, 60].entries()) {
      expect(waits[i]).toBeGreaterThanOrEqual(Math.floor(0.8 * expected))
      expect(waits[i]).toBeLessThanOrEqual(Math.ceil(1.2 * expected))
    }
  })

  it.each(['--testnet', '--regtest'])('notices on %s that an address is its own', async (network) => {
    const port = await freePort()
    const args = [
      network,
      `--port=${port}`,
      '--rpcport=0',
      `--addnode=127.0.0.1:${port}`,
      `--addnode=127.0.0.2:${port}`,
    ]
    const node = lab.start({ args, ownPorts: true })
    for (const host of ['127.0.0.1', '127.0.0.2']) {
      await node.waitForLine(`[P2P] warning: ${host}:${port} is this node itself: not dialled again`)
    }
    if (network === '--regtest') await node.rpc('setmocktime', nowSeconds() + 3_600)
    await eventually(async () => ((await connectionCount(node)) === 0 ? true : undefined), 'no connections')
    expect(await node.rpc('getaddednodeinfo')).toEqual([])
    expect(node.count(/Connecting to /)).toBe(2)
    expect(node.count(/warning: /)).toBe(2)
    expect(node.count(/Handshake complete/)).toBe(0)
  })
})

describe('limits', () => {
  it('refuses the connection that is one too many while all are worth keeping, until one has gone', async () => {
    const { node, port } = await lab.startListening({ args: ['--regtest', '--maxconnections=3'] })
    const peers = [
      await TcpPeer.join({ port }),
      await TcpPeer.join({ port }),
      lab.atEnd(await TcpPeer.join({ port, host: '127.0.0.2' })),
    ]
    // Of so few, each is among the nearest as soon as its round trip is known.
    const measured = async () => {
      const rows = (await node.rpc('getpeerinfo')) as { minping?: number }[]
      return rows.every(({ minping }) => minping !== undefined) ? true : undefined
    }
    await eventually(measured, 'a round trip of each')
    const surplus = await TcpPeer.connect({ port })
    await surplus.waitForEnd()
    expect(surplus.messages).toEqual([])
    await node.waitForLine(`[P2P] Refused 127.0.0.1:${surplus.localPort}: all inbound slots are taken`)

    peers[0]?.close()
    await eventually(async () => ((await connectionCount(node)) === 2 ? true : undefined), 'a free slot')
    lab.atEnd(await TcpPeer.join({ port }))
    for (const peer of peers.slice(1)) await peer.ping()
  })

  it('counts loopback addresses once --max-connections-per-ip is given', async () => {
    const { node, port } = await lab.startListening({ args: ['--regtest', '--max-connections-per-ip=2'] })
    const [first] = [await TcpPeer.join({ port }), lab.atEnd(await TcpPeer.join({ port }))]
    const third = await TcpPeer.connect({ port })
    await third.waitForEnd()
    await node.waitForLine(
      `[P2P] Refused 127.0.0.1:${third.localPort}: too many connections from this address`,
    )
    lab.atEnd(await TcpPeer.join({ port, localAddress: '127.0.0.9' }))

    first?.reset()
    await eventually(async () => ((await connectionCount(node)) === 2 ? true : undefined), 'a free slot')
    lab.atEnd(await TcpPeer.join({ port }))
  })
})

describe('bans', () => {
  it('hold from the moment the operator is told so, over a kill, until they are lifted', async () => {
    const address = '127.0.0.5'
    const { node: first, port } = await lab.startListening({ args: ['--regtest'] })
    const peer = lab.atEnd(await TcpPeer.join({ port, localAddress: address }))
    const other = lab.atEnd(await TcpPeer.join({ port }))
    await first.rpc('setban', address, 'add')
    await first.stop('SIGKILL')
    await peer.waitForEnd()
    expect(other.messages.length).toBeGreaterThan(0)

    const { node, port: again } = await lab.startListening({ args: ['--regtest'], dataDir: first.dataDir })
    expect(await node.rpc('listbanned')).toMatchObject([{ address: expect.stringContaining(address) }])
    const refused = await TcpPeer.connect({ port: again, localAddress: address })
    await refused.waitForEnd()
    expect(refused.messages).toEqual([])
    await node.waitForLine(`[P2P] Refused ${address}:${refused.localPort}: its address is banned`)
    lab.atEnd(await TcpPeer.join({ port: again }))
    await node.rpc('clearbanned')
    lab.atEnd(await TcpPeer.join({ port: again, localAddress: address }))
    expect((await node.stop()).code).toBe(0)
  })

  it('are set aside if their file is damaged, which keeps no node from starting', async () => {
    const dataDir = lab.newFolder()
    writeFileSync(join(dataDir, 'banlist.json'), '{"version":1,"bans":[{')
    const { node } = await lab.startListening({ args: ['--regtest'], dataDir })
    await node.waitForLine(/^\[Node\] warning: .*banlist\.json is damaged: it was set aside as /)
    expect(await node.rpc('listbanned')).toEqual([])
    expect(readdirSync(dataDir).some((name) => name.startsWith('banlist.json.damaged-'))).toBe(true)
  })
})
