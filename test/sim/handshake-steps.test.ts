import { beforeEach, describe, expect, it } from 'vitest'
import { mainnet, type NetworkParams, regtest, testnet } from '../../src/params/networks.ts'
import { RejectCode } from '../../src/wire/control.ts'
import { addressOf } from '../../testkit/sim/addresses.ts'
import { actAsReference, actAsV1 } from '../../testkit/sim/models.ts'
import type { SimNode } from '../../testkit/sim/node.ts'
import { Actor, type ScriptedPeer, v1Version, versionOf } from '../../testkit/sim/scripted.ts'
import { World } from '../../testkit/sim/world.ts'

const GREETING = ['getaddr', 'sendheaders', 'sendcmpct', 'ping']
const verack = { type: 'verack' } as const

let world: World
let node: SimNode

beforeEach(() => {
  world = new World({ tailLines: 60 })
  node = world.add()
})

function actor(network: NetworkParams = node.options.network): Actor {
  return new Actor(world, network, addressOf(1_000))
}

/** Commands that a peer got since it was last asked. */
function news(peer: ScriptedPeer): string[] {
  return peer.received.splice(0).map(({ message }) => message.type)
}

describe('a node that is dialled', () => {
  it('says nothing until it has heard a version, then version and verack', () => {
    const peer = actor().connect(node)
    world.run(29_000)
    expect(peer.commands).toEqual([])
    peer.send(versionOf(regtest))
    world.run(500)
    expect(news(peer)).toEqual(['version', 'verack'])
    expect(node.peers[0]?.state).toBe('awaitVerack')
    peer.send(verack)
    world.run(500)
    expect(news(peer)).toEqual(GREETING)
    expect(node.readyPeers).toHaveLength(1)
  })

  it('names itself, the peer and the chain in its version', () => {
    const peer = actor().connect(node).behave()
    world.run(500)
    const [version] = peer.all('version')
    expect(version).toMatchObject({
      layout: 'current',
      version: 70011,
      userAgent: '/Sim:1.0.0/',
      relay: true,
    })
    expect(version).toMatchObject({ genesisHash: regtest.genesisHash, startHeight: 1 })
    expect(version?.nonce).not.toBe(0n)
  })

  it('sends a peer of the first release nothing that it does not know', () => {
    node = world.add({ network: testnet })
    const peer = actor().connect(node)
    actAsV1(world, peer)
    world.run(120_000)
    expect(new Set(peer.commands)).toEqual(new Set(['version', 'verack', 'ping']))
    expect(peer.all('version')[0]).toMatchObject({ layout: 'v1', version: 70001 })
    expect(peer.all('ping').length).toBeLessThanOrEqual(6)
  })

  it('takes a verack that comes before the version for nothing', () => {
    const peer = actor().connect(node)
    for (let i = 0; i < 1_000; i++) peer.send(verack)
    peer.send(versionOf(regtest))
    world.run(500)
    expect(news(peer)).toEqual(['version', 'verack'])
    expect(node.readyPeers).toEqual([])
    expect(node.eventsOf('verackReceived')).toEqual([])
    peer.send(verack)
    world.run(500)
    expect(node.readyPeers).toHaveLength(1)
  })

  it('acknowledges a second version, and keeps what the first one said', () => {
    const peer = actor().connect(node)
    actAsReference(peer, { dialler: true, versions: 2 })
    world.run(1_000)
    peer.send(versionOf(regtest, { userAgent: '/Other:1/', startHeight: 1_000 }))
    world.run(1_000)
    expect(peer.count('verack')).toBe(3)
    expect(peer.count('version')).toBe(1)
    expect(node.readyPeers[0]?.version).toMatchObject({ userAgent: '/Scripted:1.0/', startHeight: 7 })
    expect(node.eventsOf('handshakeComplete')).toHaveLength(1)
  })

  it('gets along with the usual greeting of other programs', () => {
    const peer = actor().connect(node)
    actAsReference(peer, { dialler: true })
    world.run(600_000)
    expect(node.readyPeers[0]).toMatchObject({ prefersHeaders: true, compactAnnounce: true })
    expect(node.oracle.offences).toBe(0)
  })

  it('does not act on messages before the handshake, and does not mind them', () => {
    const peer = actor().connect(node)
    const early = [{ type: 'ping', nonce: 5n }, { type: 'getaddr' }, { type: 'pong', nonce: 6n }] as const
    peer.send(...early)
    peer.send(versionOf(regtest), ...early)
    world.run(500)
    expect(news(peer)).toEqual(['version', 'verack'])
    peer.send(verack, { type: 'ping', nonce: 9n })
    world.run(500)
    expect(news(peer)).toEqual([...GREETING, 'pong'])
    expect(node.oracle.offences).toBe(0)
  })

  it('closes a peer that says nothing for 30 s', () => {
    const peer = actor().connect(node)
    world.run(31_000)
    expect(node.lastEvent('disconnected')).toMatchObject({ reason: 'noVersion', wasReady: false })
    expect(peer.end?.error).toBeUndefined()
    expect(peer.end?.at).toBeLessThan(30_500)
  })

  it('does not take anything but a version for an answer in those 30 s', () => {
    const peer = actor().connect(node)
    for (let s = 1; s < 30; s++) {
      peer.send({ type: 'ping', nonce: 1n }, verack)
      world.run(1_000)
    }
    world.run(2_000)
    expect(node.lastEvent('disconnected')?.reason).toBe('noVersion')
    expect(peer.commands).toEqual([])
  })

  it('closes a peer that never acknowledges after 60 s, whatever else it says', () => {
    const peer = actor().connect(node)
    peer.send(versionOf(regtest))
    for (let s = 1; s < 60; s++) {
      peer.send({ type: 'ping', nonce: 1n }, versionOf(regtest))
      world.run(1_000)
    }
    expect(peer.isOpen).toBe(true)
    world.run(2_000)
    expect(node.lastEvent('disconnected')?.reason).toBe('handshakeTimeout')
  })

  it('answers each getaddr dialect with at most one addr', () => {
    const other = world.add()
    node.command({ type: 'addTarget', target: other.endpoint, keep: true })
    world.run(1_000)
    const peer = actor().connect(node).behave()
    world.run(500)
    for (let i = 0; i < 50; i++) {
      peer.send({ type: 'getaddr' })
      world.run(500)
    }
    expect(peer.count('addr')).toBe(1)
    expect(peer.all('addr')[0]?.addresses).toMatchObject([{ port: regtest.defaultPort, services: 1n }])
  })
})

describe('a node that dials', () => {
  function dialled(network: NetworkParams, greet: (peer: ScriptedPeer) => void): ScriptedPeer {
    const listener = actor(network)
    const peers = listener.listen(1_111, greet)
    node = world.add({ network, targets: [{ host: listener.host.address, port: 1_111 }] })
    world.runUntil(() => peers.length > 0, 1_000)
    const [peer] = peers
    if (peer === undefined) throw new Error('not dialled')
    return peer
  }

  it('speaks first, and is complete with version and verack', () => {
    const peer = dialled(regtest, (it) => actAsReference(it, { dialler: false }))
    world.run(1_000)
    expect(peer.commands.slice(0, 6)).toEqual(['version', 'verack', ...GREETING])
    expect(node.readyPeers[0]).toMatchObject({ kind: 'manual', version: { layout: 'current', nonce: 77n } })
  })

  it('understands a listener of the first release, who speaks at once, and talks to it often', () => {
    const peer = dialled(testnet, (it) => actAsV1(world, it))
    world.run(3_600_000)
    expect(node.readyPeers[0]).toMatchObject({ isV1Listener: true })
    expect(node.oracle.offences).toBe(0)
    expect(new Set(peer.commands)).toEqual(new Set(['version', 'verack', 'ping']))
    // Two seconds after each pong, which takes its time.
    expect(peer.count('ping')).toBeGreaterThan(3_600 / 2.3)
    expect(peer.count('ping')).toBeLessThanOrEqual(1_800)
    const gaps = peer.received.map(({ at }, i) => at - (peer.received[i - 1]?.at ?? at))
    expect(Math.max(...gaps)).toBeLessThan(2_300)
  })

  it('lets a verack overtake the version', () => {
    const peer = dialled(regtest, () => undefined)
    world.run(1_000)
    peer.send(verack)
    world.run(1_000)
    expect(node.readyPeers).toEqual([])
    peer.send(versionOf(regtest))
    world.run(1_000)
    expect(peer.commands).toEqual(['version', 'verack', ...GREETING])
  })

  it('does not take a verack alone for a handshake', () => {
    const peer = dialled(regtest, (it) => it.send(verack, verack))
    world.run(62_000)
    expect(node.lastEvent('disconnected')).toMatchObject({ reason: 'handshakeTimeout', wasReady: false })
    expect(peer.commands).toEqual(['version'])
  })

  it('takes its own version, sent back to it, for itself', () => {
    const peer = dialled(regtest, (it) => {
      it.react = (message) => it.send(message)
    })
    world.run(120_000)
    expect(node.eventsOf('disconnected')).toMatchObject([{ reason: 'selfConnection' }])
    expect(peer.commands).toEqual(['version'])
    expect(node.eventsOf('dialing')).toHaveLength(1)
  })
})

describe('a peer that is not one of ours', () => {
  const otherChain: NetworkParams = { ...regtest, genesisHash: new Uint8Array(32).fill(7) }

  it.each(['node', 'scripted peer'])('is told before the close that it is on another chain: a %s', (what) => {
    if (what === 'node') {
      const other = world.add({ network: otherChain, targets: [node.endpoint] })
      world.run(5_000)
      expect(other.lastEvent('rejectReceived')).toMatchObject({
        command: 'version',
        code: RejectCode.invalid,
      })
      expect(other.eventsOf('disconnected').map(({ reason }) => reason)).not.toContain('connectionLost')
    } else {
      const peer = actor().connect(node)
      peer.send(versionOf(otherChain))
      world.run(1_000)
      expect(peer.all('reject')).toMatchObject([{ command: 'version', code: 0x10 }])
      expect(peer.commands).toEqual(['reject'])
      expect(peer.end).toBeDefined()
    }
    expect(node.lastEvent('disconnected')).toMatchObject({ reason: 'wrongGenesis', wasReady: false })
    expect(node.readyPeers).toEqual([])
  })

  it('is told before the close that its version is obsolete', () => {
    const peer = actor().connect(node)
    peer.send(versionOf(regtest, { version: regtest.minPeerVersion - 1 }))
    world.run(1_000)
    expect(peer.all('reject')).toMatchObject([{ command: 'version', code: RejectCode.obsolete }])
    expect(peer.end).toBeDefined()
    expect(node.lastEvent('disconnected')?.reason).toBe('obsoleteVersion')
  })

  it('may be as old as the minimum', () => {
    const peer = actor().connect(node)
    peer.behave(versionOf(regtest, { version: regtest.minPeerVersion }))
    world.run(1_000)
    expect(node.readyPeers).toHaveLength(1)
  })

  it('of the first release is obsolete where the first release is not spoken', () => {
    const peer = actor().connect(node)
    peer.send(v1Version())
    world.run(1_000)
    expect(node.lastEvent('disconnected')?.reason).toBe('obsoleteVersion')
  })

  it('speaks another magic: nobody hears anybody', () => {
    const other = world.add({
      network: { ...mainnet, defaultPort: regtest.defaultPort },
      targets: [node.endpoint],
    })
    world.run(5_000)
    expect(node.lastEvent('disconnected')?.reason).toBe('badMagic')
    expect(other.ends.get('closedByPeer')).toBeGreaterThan(0)
    expect([...node.readyPeers, ...other.readyPeers]).toEqual([])
  })

  it('sends more than a stranger may', () => {
    const peer = actor().connect(node)
    peer.sendBytes(oversizedHeader(regtest.magic))
    world.run(1_000)
    expect(node.lastEvent('disconnected')).toMatchObject({ reason: 'oversizedMessage', wasReady: false })
  })
})

function oversizedHeader(magic: number): Uint8Array {
  const header = new Uint8Array(24)
  const view = new DataView(header.buffer)
  view.setUint32(0, magic, true)
  header.set([0x69, 0x6e, 0x76], 4)
  view.setUint32(16, 1_025, true)
  return header
}
