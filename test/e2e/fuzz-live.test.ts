/** A short run of the fuzzer against a live node; `npm run fuzz:live` does the long one. */
import { expect, it } from 'vitest'
import { testnet } from '../../src/params/networks.ts'
import { fuzzLive } from '../../testkit/fuzz-live.ts'

it('a node survives 20,000 damaged frames, forgets them, and serves an honest peer meanwhile', async () => {
  const report = await fuzzLive({ frames: 20_000, seed: 1 })
  expect(report.failures).toEqual([])
  expect(report.frames).toBeGreaterThanOrEqual(20_000)
  expect(report.connections).toBeGreaterThan(50)
  expect(report.bytesRead).toBeGreaterThan(report.bytesSent / 2)
  expect(report.witness.pings).toBeGreaterThan(5)
})

it('so does one that logs everything, on the network of the first release', async () => {
  const args = ['--debug=all', '--log-json']
  const report = await fuzzLive({ frames: 5_000, seed: 2, network: testnet, args })
  expect(report.failures).toEqual([])
  expect(report.witness.pings).toBeGreaterThan(1)
})
