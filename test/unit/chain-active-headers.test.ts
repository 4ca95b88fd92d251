/** The served headers of the active chain are those of its blocks, before and after any reorganisation. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ActiveHeaders } from '../../src/chain/active-headers.ts'
import { HeaderNode } from '../../src/chain/header-node.ts'
import { toHex } from '../../src/primitives/bytes.ts'
import { decodePayload, encodePayload } from '../../src/wire/messages.ts'
import { filled, header } from '../../testkit/wire-samples.ts'

const genesis = new HeaderNode({
  hash: filled(0),
  bytes: header(1).bytes,
  parent: undefined,
  work: 1n,
  id: 0,
})
let drawn = 0

/** Another header each time. */
function child(parent: HeaderNode): HeaderNode {
  const bytes = header(1).bytes.slice()
  const id = ++drawn
  new DataView(bytes.buffer).setUint32(76, id, true)
  return new HeaderNode({ hash: filled(id & 0xff), bytes, parent, work: parent.work + 1n, id })
}

/** An active chain, beside the served headers that follow it. */
class Follower {
  readonly headers = new ActiveHeaders()
  readonly chain: HeaderNode[] = [genesis]

  extend(count: number): void {
    for (let i = 0; i < count; i++) {
      const node = child(this.chain.at(-1) ?? genesis)
      this.chain.push(node)
      this.headers.push(node)
    }
  }

  reorganise(height: number, count: number): void {
    this.headers.truncate(height)
    this.chain.length = Math.min(this.chain.length, height + 1)
    this.extend(count)
  }

  expectSlice(from: number, count: number): void {
    const list = this.headers.slice(from, count)
    const expected = this.chain.slice(from, from + Math.min(count, 2_000))
    expect(list.length).toBe(expected.length)
    expect([...list].every(({ bytes }, i) => toHex(bytes) === toHex(expected[i]?.bytes ?? filled(0)))).toBe(
      true,
    )
  }
}

describe('ActiveHeaders', () => {
  it('serve runs within one piece of memory, across two, and at the end', () => {
    const follower = new Follower()
    follower.extend(4_500)
    expect(follower.headers.height).toBe(4_500)
    for (const [from, count] of [
      [1, 2_000],
      [1, 1],
      [2, 2_000],
      [2_000, 2],
      [2_001, 2_000],
      [4_001, 2_000],
      [4_500, 2_000],
      [4_501, 2_000],
      [9_999, 5],
      [3, 5_000],
    ] as const)
      follower.expectSlice(from, count)
  })

  it('have nothing at first', () => {
    expect(new ActiveHeaders().slice(1, 2_000).length).toBe(0)
  })

  it('are written as other lists are', () => {
    const follower = new Follower()
    follower.extend(3)
    const payload = encodePayload({ type: 'headers', headers: follower.headers.slice(1, 2_000) })
    expect(payload.length).toBe(1 + 3 * 81)
    const decoded = decodePayload('headers', payload)
    if (!decoded.ok) throw new Error('not headers')
    expect(toHex(decoded.value.headers.at(2).bytes)).toBe(toHex(follower.chain[3]?.bytes ?? filled(0)))
    expect(() => decoded.value.headers.at(3)).toThrow(RangeError)
  })

  it('give the same list of a whole piece until the chain changes there', () => {
    const follower = new Follower()
    follower.extend(2_003)
    const list = follower.headers.slice(1, 2_000)
    const isSame = (): boolean => follower.headers.slice(1, 2_000) === list
    expect(isSame()).toBe(true)
    follower.reorganise(2_001, 5)
    expect(isSame()).toBe(true)
    follower.reorganise(1_999, 5)
    expect(isSame()).toBe(false)
  })

  it('never change what was handed out', () => {
    const follower = new Follower()
    follower.extend(2_100)
    const runs = [follower.headers.slice(1, 2_000), follower.headers.slice(2_050, 20)]
    const before = runs.map(({ bytes }) => toHex(bytes))
    follower.reorganise(2_055, 40)
    follower.reorganise(1_000, 1_200)
    expect(runs.map(({ bytes }) => toHex(bytes))).toEqual(before)
  })

  it('do not follow a header that is not the next', () => {
    const headers = new ActiveHeaders()
    expect(() => headers.push(genesis)).toThrow(RangeError)
    const first = child(genesis)
    expect(() => headers.push(child(first))).toThrow(RangeError)
    headers.truncate(7)
    headers.push(first)
    expect(headers.height).toBe(1)
  })

  it('are those of the chain whatever happens to it', () => {
    const step = fc.record({
      back: fc.oneof(fc.nat({ max: 4 }), fc.nat({ max: 2_500 })),
      on: fc.oneof(fc.nat({ max: 5 }), fc.nat({ max: 2_500 })),
      from: fc.integer({ min: 1, max: 5_000 }),
      count: fc.oneof(fc.nat({ max: 9 }), fc.constant(2_000)),
    })
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 6 }), (steps) => {
        const follower = new Follower()
        const handedOut: { list: Uint8Array; was: string }[] = []
        for (const { back, on, from, count } of steps) {
          follower.reorganise(Math.max(0, follower.chain.length - 1 - back), on)
          follower.expectSlice(from, count)
          const { bytes } = follower.headers.slice(Math.max(1, follower.chain.length - 30), 40)
          handedOut.push({ list: bytes, was: toHex(bytes) })
        }
        for (const { list, was } of handedOut) expect(toHex(list)).toBe(was)
      }),
      { numRuns: 20 },
    )
  })
})
