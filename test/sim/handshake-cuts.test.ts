/** What a handshake looks like when a message is lost or the connection ends at any point of it. */
import { describe, expect, it } from 'vitest'
import { type NetworkParams, regtest, testnet } from '../../src/params/networks.ts'
import { dropFrame } from '../../testkit/sim/faults.ts'
import type { SimNode } from '../../testkit/sim/node.ts'
import type { CutKind, Pipe } from '../../testkit/sim/pipe.ts'
import type { Connection } from '../../testkit/sim/socket.ts'
import { World } from '../../testkit/sim/world.ts'

type Side = 'dialler' | 'listener'

interface Pair {
  readonly world: World
  readonly listener: SimNode
  readonly dialler: SimNode
}

/** Two nodes, one of which dials the other, with something done to their first connection. */
function pair(network: NetworkParams, spoil: (connection: Connection) => void, seed = 1): Pair {
  const world = new World({ seed, conditions: { latencyMs: [20, 20], jitterMs: 0 } })
  let first = true
  world.net.onConnection = (connection) => {
    if (first) spoil(connection)
    first = false
  }
  const listener = world.add({ network, checkEvery: 1 })
  const dialler = world.add({ network, targets: [listener.endpoint], checkEvery: 1 })
  return { world, listener, dialler }
}

const pipeOf = (connection: Connection, from: Side): Pipe => connection[from].out

/** Bytes that flow from a side until the handshake and the first ping and pong are over. */
function undisturbed(network: NetworkParams): Record<Side, number> {
  let seen: Connection | undefined
  const { world } = pair(network, (connection) => {
    seen = connection
  })
  world.run(1_000)
  return { dialler: seen?.dialler.out.arrivedBytes ?? 0, listener: seen?.listener.out.arrivedBytes ?? 0 }
}

/** After this long nobody believes in a connection that is not there. */
const SETTLED_MS: Record<CutKind, number> = { reset: 71_000, end: 71_000, silence: 135_000 }
/** Who was dialled may be of the first release, as long as it has not said what it is. */
const SETTLED_V1_MS: Record<CutKind, number> = { ...SETTLED_MS, silence: 911_000 }

const dialects: [string, NetworkParams][] = [
  ['the first release', testnet],
  ['today', regtest],
]
const sides: Side[] = ['dialler', 'listener']

describe.each(dialects)('a handshake in the dialect of %s', (_, network) => {
  it.each(sides)('recovers from the loss of any one message of the %s', (side) => {
    // The current dialect's longest: version, verack, getaddr, sendheaders, sendcmpct, ping, pong.
    for (let lost = 0; lost < 8; lost++) {
      const { world, listener, dialler } = pair(network, (connection) => {
        pipeOf(connection, side).tap = dropFrame(network, lost)
      })
      world.run(71_000)
      expect(world.halfAlive(), `message ${lost}`).toEqual([])
      expect(world.areJoined(dialler, listener), `message ${lost}`).toBe(true)
      world.run(600_000)
      expect(world.areJoined(dialler, listener), `message ${lost}`).toBe(true)
      // Only a handshake that fails costs a connection.
      expect(dialler.core?.peers.size).toBe(1)
      expect(world.net.connectionCount).toBe(lost < 2 ? 2 : 1)
    }
  })

  const kinds: CutKind[] = ['reset', 'end', 'silence']
  it.each(sides.flatMap((side) => kinds.map((kind) => [kind, side] as const)))(
    'recovers from a %s at any byte of the %s',
    (kind, side) => {
      const bytes = undisturbed(network)[side]
      expect(bytes).toBeGreaterThan(100)
      for (let offset = 0; offset <= bytes; offset++) {
        const { world, listener, dialler } = pair(network, (connection) => {
          const run = (): void => connection.break(kind)
          if (offset === 0) run()
          else pipeOf(connection, side).cut = { afterBytes: offset, run }
        })
        world.run((network.dialect === 'v1' ? SETTLED_V1_MS : SETTLED_MS)[kind])
        expect(world.halfAlive(), `byte ${offset}`).toEqual([])
        expect(world.areJoined(dialler, listener), `byte ${offset}`).toBe(true)
        expect([dialler.core?.peers.size, listener.core?.peers.size]).toEqual([1, 1])
      }
    },
  )

  it('recovers when either node stops at any moment of it', () => {
    for (let ms = 0; ms < 200; ms += 5) {
      for (const who of ['dialler', 'listener'] as const) {
        const nodes = pair(network, () => undefined)
        const { world } = nodes
        world.run(ms)
        nodes[who].kill()
        world.run(500)
        nodes[who].start()
        world.run(71_000)
        expect(world.halfAlive(), `${who} at ${ms} ms`).toEqual([])
        expect(world.areJoined(nodes.dialler, nodes.listener), `${who} at ${ms} ms`).toBe(true)
      }
    }
  })
})
