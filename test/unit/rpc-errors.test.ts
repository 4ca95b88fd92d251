/** Whatever a caller gives: he is told in a short line what is wrong with it, and nothing of it moves a cursor. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openChain } from '../../src/node/chain-backend.ts'
import { DilithionNode } from '../../src/node/node.ts'
import { testnet } from '../../src/params/networks.ts'
import { rpcOf, type TestRpc } from '../../testkit/rpc.ts'
import { type RunningWallet, startWallet } from '../../testkit/wallet.ts'

const MAX_CHARACTERS = 500
/** They wait, and need no text. */
const LEFT_OUT = new Set(['waitfornewblock'])

let running: RunningWallet
let rpc: TestRpc
let names: string[]

beforeAll(async () => {
  running = await startWallet()
  rpc = rpcOf(running.node)
  await rpc.call('getnewaddress')
  const { commands } = await rpc.call<{ commands: string[] }>('help')
  names = commands.map((line) => line.split(' - ')[0] ?? '').filter((name) => !LEFT_OUT.has(name))
})
afterAll(() => running.stop())

describe.each([
  ['a control character', '\0\x1b[2J\u202e'],
  ['a long text', 'x'.repeat(100_000)],
  ['a long list', Array(10_000).fill('\n')],
  ['an object', { '\0': { __proto__: null, x: 'y'.repeat(100_000) } }],
])('errors about %s', (_, value) => {
  it('are short and can be shown as they are', async () => {
    for (const name of names) {
      for (const params of [[value], { ['\0'.repeat(1_000)]: value }]) {
        const message = await rpc.error(name, params)
        expect(message.length, name).toBeLessThan(MAX_CHARACTERS)
        expect(message, name).toMatch(/^[\x20-\x7e]*$/)
      }
    }
    for (const outputs of [value, [value], { [JSON.stringify(value)]: 1 }]) {
      const message = await rpc.error('createrawtransaction', [[], outputs])
      expect(message.length).toBeLessThan(MAX_CHARACTERS)
      expect(message).toMatch(/^[\x20-\x7e]+$/)
    }
  })
})

it('no mempool is not taken for one that is not kept', async () => {
  const chain = await openChain({ network: testnet })
  const node = new DilithionNode({ network: testnet, chain })
  await node.start()
  expect(await rpcOf(node).error('savemempool')).toBe('this chain has no transactions but those of miners')
  await node.stop()
  await chain.close()
})
