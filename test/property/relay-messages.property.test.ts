/** Whatever peers say to a node with a chain, it stays consistent, and nothing is left of who is gone. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { PeerId } from '../../src/primitives/brand.ts'
import { HeaderList } from '../../src/wire/header.ts'
import { Inventory, InvType } from '../../src/wire/inventory.ts'
import type { Message } from '../../src/wire/messages.ts'
import { message } from '../../testkit/arbitraries.ts'
import { FAKE_GENESIS, fakeBlock, fakeBlocks } from '../../testkit/fake-chain.ts'
import { RelayProbe } from '../../testkit/relay-chain.ts'
import { filled } from '../../testkit/wire-samples.ts'

const BLOCKS = 40
const peer = fc.nat({ max: 2 })
const CHAIN = fakeBlocks(BLOCKS)

/** Any message, or one about blocks that are there. */
const said: fc.Arbitrary<Message> = fc.oneof(
  message,
  fc.nat({ max: BLOCKS - 1 }).chain((i) => {
    const block = CHAIN[i] ?? FAKE_GENESIS
    const { hash, header } = block
    const inventory = Inventory.of([{ type: InvType.block, hash }])
    return fc.constantFrom<Message>(
      { type: 'inv', inventory },
      { type: 'getdata', inventory },
      { type: 'block', block },
      { type: 'headers', headers: HeaderList.of([header]) },
      { type: 'getheaders', locator: [hash], stop: filled(0) },
      { type: 'getblocktxn', blockHash: hash, indexes: [0, 1] },
      { type: 'blocktxn', blockHash: hash, transactions: [] },
      { type: 'cmpctblock', header, nonce: 1n, prefilled: [], shortIds: Uint8Array.of(1, 2, 3, 4, 5, 6) },
      { type: 'sendheaders' },
      { type: 'sendcmpct', announce: true, version: 1n },
    )
  }),
)
describe('a core with a chain', () => {
  it('takes any message of anybody, and keeps nothing of who is gone', () => {
    const input = fc.record({
      peer,
      said,
      next: fc.constantFrom('read', 'flush', 'mine', 'leave', 'wait', 'on'),
    })
    fc.assert(
      fc.property(
        fc.array(input, { minLength: 5, maxLength: 40 }),
        fc.nat({ max: BLOCKS }),
        (inputs, known) => {
          const probe = new RelayProbe()
          probe.chain.grow(CHAIN.slice(0, known))
          const ids = new Map<number, PeerId>()
          for (const { peer: i, said: what, next } of inputs) {
            const before = ids.get(i)
            // A handshake repeated, or too many offences, may have ended it.
            const isThere = before !== undefined && probe.core.peers.get(before) !== undefined
            const id = isThere ? before : probe.ready(`9.${i + 1}.1.1`)
            ids.set(i, id)
            probe.receive(id, what)
            if (next === 'read') probe.readAll()
            if (next === 'mine') probe.mine(fakeBlock(probe.chain.tip, i))
            if (next === 'wait') probe.wait(2_000)
            const isLeft = probe.core.peers.get(id) !== undefined
            if (next === 'flush' && isLeft) probe.flush(id)
            if (next === 'leave' && isLeft) probe.handle({ type: 'closed', peer: id })
          }
          probe.readAll()
          for (const { id } of [...probe.core.peers.all()]) probe.handle({ type: 'closed', peer: id })
          probe.readAll()
          expect(probe.core.heldBytes).toEqual({ received: 0, toSend: 0 })
        },
      ),
      { numRuns: 60 },
    )
  })
})
