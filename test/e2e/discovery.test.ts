/**
 * Real nodes that find each other. Their clocks stand and are moved on together, so hours of gossip pass in
 * seconds and nothing depends on how fast this machine is.
 */
import { afterAll, describe, expect, it } from 'vitest'
import { formatEndpoint, type IpBytes, parseIp } from '../../src/primitives/ip.ts'
import { eventually } from '../../testkit/changes.ts'
import { freePort, Lab, type NodeProcess } from '../../testkit/process.ts'
import { PeerListener, type TcpPeer } from '../../testkit/tcp-peer.ts'

const lab = new Lab()
afterAll(() => lab.close())

const NODES = 12
const OUTBOUND = 8
/** In so small a world an answer holds two or three addresses, so the last slots may take a day. */
const ENOUGH = 4
const ENOUGH_ON_AVERAGE = 6
const CHOSEN: ReadonlySet<string> = new Set(['outbound-full-relay', 'block-relay-only'])
/** Pings are answered and handshakes end within it, so nobody is taken for dead. */
const STEP_SECONDS = 5
const MAX_STEPS = 240

interface PeerRow {
  readonly addr: string
  readonly inbound: boolean
  readonly state: string
  readonly misbehavior: number
  readonly connection_type: string
  readonly pingwait?: number
}

async function peersOf(node: NodeProcess): Promise<PeerRow[]> {
  return (await node.rpc('getpeerinfo')) as PeerRow[]
}

/** Who is connected for good because this node chose so. */
async function chosenBy(node: NodeProcess): Promise<PeerRow[]> {
  return (await peersOf(node)).filter(({ connection_type: type }) => CHOSEN.has(type))
}

async function knownTo(node: NodeProcess): Promise<number> {
  const { all_networks: book } = (await node.rpc('getaddrmaninfo')) as { all_networks: { total: number } }
  return book.total
}

/** Nodes whose clocks stand, and are moved on together. */
class Town {
  readonly nodes: readonly NodeProcess[]
  #seconds = Math.floor(Date.now() / 1_000) + 1

  constructor(nodes: readonly NodeProcess[]) {
    this.nodes = nodes
  }

  async advance(seconds: number): Promise<void> {
    this.#seconds += seconds
    await Promise.all(this.nodes.map((node) => node.rpc('setmocktime', this.#seconds)))
    await Promise.all(this.nodes.map((node) => this.#settled(node)))
  }

  /** Moves on until the answer is true. */
  async until(isReached: () => Promise<boolean>, what: string): Promise<void> {
    for (let step = 0; step < MAX_STEPS; step++) {
      if (await isReached()) return
      await this.advance(STEP_SECONDS)
    }
    const states = await Promise.all(
      this.nodes.map(async (node) => `${(await chosenBy(node)).length} of ${await knownTo(node)} known`),
    )
    throw new Error(`not within ${MAX_STEPS * STEP_SECONDS} s: ${what}; they have ${states.join(', ')}`)
  }

  /** While the clock stands everything that has begun comes to its end. */
  async #settled(node: NodeProcess): Promise<void> {
    await eventually(async () => {
      const peers = await peersOf(node)
      const isDone = peers.every((peer) => peer.state === 'handshake-complete' && peer.pingwait === undefined)
      return isDone ? true : undefined
    }, 'all handshakes are complete and all pings answered')
  }
}

/** A node that chooses its peers, and knows none but these seeds. `own`: address and port, which may be 0. */
function startSeeded(own: string, seeds: readonly string[]): NodeProcess {
  const [ip = '', port] = own.split(':')
  const options = [`--bind=${ip}`, `--port=${port}`, '--rpcport=0', `--externalip=${ip}`]
  const args = ['--regtest', ...options, ...seeds.map((seed) => `--seednode=${seed}`)]
  return lab.start({ args, ownPorts: true, env: { DILITHION_CONNECT: '' } })
}

describe('nodes that know nobody but two seeds', () => {
  it('find each other, and each is connected to eight of its own choice as soon as it knows so many, never two at one address', async () => {
    const seeds = ['127.0.1.1', '127.0.1.2']
    const seedAddresses = await Promise.all(seeds.map(async (ip) => `${ip}:${await freePort()}`))
    // The seeds are nodes like others, and know each other. They are there first: a seed node is asked once.
    const nodes: NodeProcess[] = []
    for (const own of seedAddresses) {
      const seed = startSeeded(
        own,
        seedAddresses.filter((other) => other !== own),
      )
      await seed.p2pPort()
      nodes.push(seed)
    }
    for (let i = 3; i <= NODES; i++) nodes.push(startSeeded(`127.0.1.${i}:0`, seedAddresses))
    const ports = await Promise.all(nodes.map((node) => node.p2pPort()))
    const addresses = ports.map((port, i) => `127.0.1.${i + 1}:${port}`)
    const town = new Town(nodes)
    await town.advance(0)
    const isConnected = async () => {
      const counts = await Promise.all(
        nodes.map(async (node) => [(await chosenBy(node)).length, await knownTo(node)] as const),
      )
      const hasAll = counts.every(
        ([chosen, known]) => chosen >= Math.min(OUTBOUND, known) && chosen >= ENOUGH,
      )
      return hasAll && counts.reduce((sum, [chosen]) => sum + chosen, 0) >= ENOUGH_ON_AVERAGE * NODES
    }
    await town.until(isConnected, 'peers at all whom each node knows, up to eight')

    for (const [i, node] of nodes.entries()) {
      const chosen = await chosenBy(node)
      const targets = chosen.map(({ addr }) => addr)
      expect(new Set(targets).size).toBe(targets.length)
      expect(targets).not.toContain(addresses[i])
      for (const target of targets) expect(addresses).toContain(target)
      expect(chosen.filter(({ connection_type: type }) => type === 'block-relay-only')).toHaveLength(
        Math.max(0, chosen.length - 6),
      )
      const known = (await node.rpc('getnodeaddresses', 0)) as { address: string; port: number }[]
      expect(known.length).toBeGreaterThanOrEqual(chosen.length)
      for (const { address, port } of known) expect(addresses).toContain(`${address}:${port}`)
      for (const peer of await peersOf(node)) expect(peer).toMatchObject({ misbehavior: 0 })
      expect(node.count(/warning/)).toBe(0)
      expect(node.errors).toEqual([])
    }
  })
})

describe('the address of a node that was told none', () => {
  const ip = address('127.0.3.7')

  function address(text: string): IpBytes {
    const parsed = parseIp(text)
    if (parsed === undefined) throw new RangeError(text)
    return parsed
  }

  async function witness(host: string): Promise<{ listener: PeerListener; target: string }> {
    const listener = lab.atEnd(await PeerListener.open({}, 0, host))
    return { listener, target: `${host}:${listener.port}` }
  }

  /** The peer says where it sees the node. */
  async function answer(listener: PeerListener): Promise<TcpPeer> {
    const peer = await listener.accept()
    await peer.answerHandshake({ receiver: { services: 1n, ip, port: 50_000 } })
    await peer.ping()
    return peer
  }

  it('is what peers of two networks see, and is told to them then, not before', async () => {
    const [first, second] = [await witness('127.0.2.1'), await witness('127.0.2.2')]
    const { node, port } = await lab.startListening({ args: ['--regtest', `--addnode=${first.target}`] })
    const town = new Town([node])
    const one = await answer(first.listener)
    await town.advance(0)
    for (let minute = 0; minute < 3; minute++) await town.advance(60)
    await one.ping()
    expect(one.types).not.toContain('addr')
    expect(await node.rpc('getnetworkinfo')).toMatchObject({ localaddresses: [] })

    await node.rpc('addnode', second.target, 'add')
    const other = await answer(second.listener)
    await node.waitForLine(`[P2P] Reachable at 127.0.3.7:${port}, as several peers see it`)
    await town.advance(60)
    for (const peer of [one, other]) {
      const { addresses } = await peer.next('addr')
      expect(addresses.map(formatEndpoint)).toEqual([`127.0.3.7:${port}`])
    }
    const localaddresses = [{ address: '127.0.3.7', port, score: 2 }]
    expect(await node.rpc('getnetworkinfo')).toMatchObject({ localaddresses })
  })
})
