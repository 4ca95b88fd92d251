/** How the chain stands in the core: its questions, what it is given, and when others hear of it. */
import { describe, expect, it } from 'vitest'
import type { ChainHooks } from '../../src/chain/chain.ts'
import type { IoRequest, IoResult } from '../../src/chain/io.ts'
import { FakeChain, fakeBlocks, headersOf } from '../../testkit/fake-chain.ts'
import { CoreProbe, type ProbeOptions } from '../../testkit/sim/probe.ts'

const QUESTION: IoRequest = { kind: 'get', keys: ['T'] }

interface Bench {
  readonly probe: CoreProbe
  readonly chain: FakeChain
  readonly hooks: ChainHooks
}

function bench(options: ProbeOptions = {}, prepare: (hooks: ChainHooks) => void = () => undefined): Bench {
  let made: { chain: FakeChain; hooks: ChainHooks } | undefined
  const probe = new CoreProbe({
    ...options,
    chain: (hooks) => {
      prepare(hooks)
      const chain = new FakeChain(hooks)
      made = { chain, hooks }
      return chain
    },
  })
  if (made === undefined) throw new Error('no chain was made')
  return { probe, ...made }
}

describe('questions of the chain', () => {
  it('leave as effects, also those asked at once, and each answer reaches who asked', () => {
    const answers: [number, IoResult][] = []
    const { probe, hooks } = bench({}, ({ ask }) => ask(QUESTION, (result) => answers.push([1, result])))
    probe.handle({ type: 'withChain', use: () => hooks.ask(QUESTION, (result) => answers.push([2, result])) })
    expect(probe.effects.filter(({ type }) => type === 'io')).toEqual([
      { type: 'io', id: 1, request: QUESTION },
      { type: 'io', id: 2, request: QUESTION },
    ])
    probe.handle({ type: 'ioDone', id: 2, result: { ok: true, value: 7 } })
    probe.handle({ type: 'ioDone', id: 1, result: { ok: false, error: 'no space' } })
    expect(answers).toEqual([
      [2, { ok: true, value: 7 }],
      [1, { ok: false, error: 'no space' }],
    ])
    expect(() => probe.handle({ type: 'ioDone', id: 2, result: { ok: true, value: 7 } })).toThrow(
      'question 2',
    )
  })
})

describe('the chain in the core', () => {
  it('is told of what peers send, and is the height that we tell', () => {
    const blocks = fakeBlocks(3)
    const { probe, chain } = bench()
    chain.grow(blocks.slice(0, 2))
    const peer = probe.ready()
    expect(probe.sentTo(peer)[0]).toMatchObject({ type: 'version', startHeight: 2 })
    probe.receive(peer, { type: 'headers', headers: headersOf(blocks) })
    expect(chain.bestHeader.height).toBe(3)
    for (const block of blocks.slice(2)) probe.receive(peer, { type: 'block', block })
    expect(chain.tip.height).toBe(3)
    expect(probe.events).toContainEqual(expect.objectContaining({ type: 'chain' }))
    expect(probe.peer(peer).lastBlockAt).toBe(probe.now.mono)
  })

  it('is given the message that a block came in, if it is in shortest form', () => {
    const [block] = fakeBlocks(1, undefined, 0, 300)
    const { probe, chain } = bench()
    const received: (number | undefined)[] = []
    const submit = chain.submitBlock.bind(chain)
    chain.submitBlock = (source, given, stored) => {
      received.push(stored?.payload.length)
      submit(source, given, stored)
    }
    const peer = probe.ready()
    if (block === undefined) return
    probe.receive(peer, { type: 'block', block })
    expect(received).toEqual([80 + 3 + 300])
    expect(chain.tip.height).toBe(1)
  })

  it('answers getheaders', () => {
    const blocks = fakeBlocks(5)
    const { probe, chain } = bench()
    chain.grow(blocks)
    const peer = probe.ready()
    probe.effects = []
    probe.receive(peer, {
      type: 'getheaders',
      locator: chain.locator(chain.tree.genesis),
      stop: new Uint8Array(32),
    })
    const answer = probe.sentTo(peer).find(({ type }) => type === 'headers')
    expect(answer?.type === 'headers' && answer.headers.length).toBe(5)
  })

  it('hears who is gone, and that the node stops', () => {
    const { probe, chain } = bench()
    const peer = probe.ready()
    probe.handle({ type: 'closed', peer })
    expect(chain.forgotten).toEqual([peer])
    probe.handle({ type: 'shutdown' })
    expect(chain.stopped).toBe(true)
  })

  it('is left alone by a command if there is none', () => {
    const probe = new CoreProbe()
    const peer = probe.ready()
    probe.handle({ type: 'withChain', use: () => expect.unreachable() })
    probe.receive(peer, { type: 'headers', headers: headersOf(fakeBlocks(1)) })
    expect(probe.core.chain).toBeUndefined()
    expect(probe.ends).toEqual([])
  })
})
