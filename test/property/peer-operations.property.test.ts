/** Whatever happens to a node in whatever order, its tables agree and it goes on. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AutomaticOptions } from '../../src/core/outbound.ts'
import { mainnet, regtest } from '../../src/params/networks.ts'
import { endpointOf } from '../../testkit/books.ts'
import { CoreOperations, operations } from '../../testkit/operations.ts'
import { spreadAddress } from '../../testkit/sim/addresses.ts'
import type { ProbeOptions } from '../../testkit/sim/probe.ts'

const automatic: AutomaticOptions = {
  outbound: 8,
  blockRelay: 2,
  feelers: true,
  dnsSeeds: ['seed.example'],
  fixedSeeds: [endpointOf(spreadAddress(0)), endpointOf(spreadAddress(1))],
  seedNodes: [{ host: spreadAddress(2), port: 8_444 }],
}
const anyIp = { limit: 2, scope: 'routable' } as const

const worlds: readonly (readonly [string, ProbeOptions & { network: typeof mainnet }])[] = [
  ['on the open internet', { network: mainnet, automatic }],
  [
    'with hardly any room',
    {
      network: mainnet,
      automatic: { ...automatic, outbound: 3, blockRelay: 1 },
      limits: { maxConnections: 5, reservedOutbound: 0, maxInboundPerIp: anyIp },
    },
  ],
  ['on one machine', { network: regtest, automatic: { ...automatic, dnsSeeds: [], fixedSeeds: [] } }],
  [
    'that knows its address',
    { network: mainnet, automatic, ownAddress: endpointOf('77.7.7.7').ip, listenPort: 8_444 },
  ],
]

describe.each(worlds)('a node %s', (_, options) => {
  it('keeps its tables consistent under any operations', { timeout: 120_000 }, () => {
    const done = new Map<string, number>()
    fc.assert(
      fc.property(operations(150), fc.nat({ max: 1_000 }), (list, seed) => {
        const world = new CoreOperations({ ...options, seed })
        world.run(list)
        for (const [what, times] of world.done) done.set(what, (done.get(what) ?? 0) + times)
      }),
      { numRuns: Number(process.env['OPS_RUNS'] ?? 40) },
    )
    // It was not all about nothing.
    expect(done.get('handshakes') ?? 0).toBeGreaterThan(40)
  })
})
