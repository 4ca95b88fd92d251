import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RpcDispatcher } from '../../src/rpc/dispatcher.ts'
import { nestsDeeperThan } from '../../src/rpc/json.ts'
import { atOnce, FakeControl, NO_SIGNAL } from './rpc-fixtures.ts'

const dispatcher = new RpcDispatcher(new FakeControl(), () => {})
const send = (text: string) => JSON.parse(atOnce(dispatcher.dispatch(text, () => {}, NO_SIGNAL)))
const ask = (request: unknown) => send(JSON.stringify(request))

describe('requests', () => {
  it('answers with the id, in its type', () => {
    for (const id of [1, 'one', null, -1.5, '']) {
      expect(ask({ jsonrpc: '2.0', id, method: 'uptime' })).toEqual({ jsonrpc: '2.0', result: 3_700, id })
    }
  })

  it('answers notifications with id null', () => {
    expect(ask({ method: 'uptime' })).toEqual({ jsonrpc: '2.0', result: 3_700, id: null })
  })

  it('takes params that are missing, null, an empty array or an empty object', () => {
    for (const params of [undefined, null, [], {}])
      expect(ask({ method: 'uptime', params }).result).toBe(3_700)
  })

  it('refuses what is not a request', () => {
    const code = -32600
    for (const request of [1, 'x', null, true, {}, { method: 5 }, { method: 'uptime', params: 'x' }]) {
      expect(ask(request)).toMatchObject({ jsonrpc: '2.0', error: { code }, id: null })
    }
    expect(ask({ id: {}, method: 'uptime' })).toMatchObject({ error: { code }, id: null })
    expect(ask({ id: 3, method: 'a b' })).toMatchObject({ error: { code }, id: 3 })
    expect(ask({ id: 3, method: 'x'.repeat(65) })).toMatchObject({ error: { code }, id: 3 })
    expect(ask({ id: 3, method: 'x'.repeat(64) }).error.code).toBe(-32601)
  })

  it('tells what to do about an unknown method', () => {
    const { error, id } = ask({ id: 9, method: 'getnothing' })
    expect(error).toMatchObject({ code: -32601, error_code: 'RPC-METHOD-NOT-FOUND' })
    expect(error.message).toMatch('getnothing')
    expect(error.recovery_steps.join()).toMatch('help')
    expect(id).toBe(9)
    // The reason is not said twice.
    const absent = ask({ id: 9, method: 'getdfmpinfo' }).error
    expect(absent.message).toMatch('does not implement fair mining')
    expect(absent.recovery_steps).toHaveLength(1)
  })

  it('refuses what is not JSON', () => {
    for (const text of ['', '{', 'uptime', '{"method":"uptime"} x', '\ufeff{}', '"', '[1,']) {
      expect(send(text)).toMatchObject({ error: { code: -32700 }, id: null })
    }
  })
})

describe('batches', () => {
  it('answer each request in its place', () => {
    const replies = ask([{ id: 1, method: 'uptime' }, 7, { id: 'b', method: 'nope' }, { method: 'ping' }])
    expect(replies).toMatchObject([
      { result: 3_700, id: 1 },
      { error: { code: -32600 }, id: null },
      { error: { code: -32601 }, id: 'b' },
      { result: null, id: null },
    ])
  })

  it('hold between 1 and 100 requests', () => {
    const request = { id: 1, method: 'uptime' }
    expect(ask([])).toMatchObject({ error: { code: -32600 }, id: null })
    expect(ask(Array(100).fill(request))).toHaveLength(100)
    expect(ask(Array(101).fill(request))).toMatchObject({ error: { code: -32600 }, id: null })
  })
})

describe('nesting', () => {
  it('goes to ten levels', () => {
    const nested = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`
    const request = (levels: number) => `{"id":1,"method":"uptime","params":[${nested(levels)}]}`
    expect(send(request(8)).error.code).toBe(-32603)
    expect(send(request(9))).toMatchObject({ error: { code: -32600 }, id: null })
    expect(send('['.repeat(2_000_000)).error.message).toMatch('10 levels')
    expect(send('{"a":'.repeat(300_000)).error.message).toMatch('10 levels')
  })

  it('is counted outside of strings, as a parser would', () => {
    const depthOf = (value: unknown): number =>
      typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), fc.integer({ min: 0, max: 6 }), (value, max) => {
        expect(nestsDeeperThan(JSON.stringify(value), max)).toBe(depthOf(value) > max)
      }),
    )
    expect(nestsDeeperThan('"[[[["', 1)).toBe(false)
    expect(nestsDeeperThan('"\\"[[[["', 1)).toBe(false)
    expect(nestsDeeperThan('"\\\\"[[', 1)).toBe(true)
  })
})

it('answers any text and any JSON with JSON', () => {
  const check = (text: string) => {
    const reply = send(text)
    for (const one of Array.isArray(reply) ? reply : [reply]) {
      expect(one.jsonrpc).toBe('2.0')
      expect('result' in one).toBe(!('error' in one))
    }
  }
  fc.assert(fc.property(fc.string({ unit: 'binary' }), check))
  const method = fc.constantFrom('addnode', 'help', 'disconnectnode', 'getaddednodeinfo', 'stop')
  const request = fc.record({ id: fc.jsonValue(), method, params: fc.jsonValue({ maxDepth: 2 }) })
  fc.assert(fc.property(request, (value) => check(JSON.stringify(value))))
})
