import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Fingerprints } from '../../src/peer/fingerprints.ts'
import { endpointKey } from '../../src/pool/known-address.ts'
import { ipOf } from '../../testkit/sim/probe.ts'

describe('Fingerprints', () => {
  it('knows nothing at first, and what was added afterwards', () => {
    const known = new Fingerprints(10)
    expect(known.has('a')).toBe(false)
    known.add('a')
    expect(known.has('a')).toBe(true)
    expect(known.has('b')).toBe(false)
    expect(known.has('')).toBe(false)
  })

  it('forgets all before it takes more than it may hold', () => {
    const known = new Fingerprints(100)
    for (let i = 0; i < 100; i++) known.add(`n${i}`)
    for (let i = 0; i < 100; i++) expect(known.has(`n${i}`)).toBe(true)
    known.add('one more')
    expect(known.size).toBe(1)
    expect(known.has('n0')).toBe(false)
    expect(known.has('one more')).toBe(true)
  })

  it('tells the addresses of whole networks apart', () => {
    const known = new Fingerprints(100_000)
    let number = 0
    for (let a = 0; a < 128; a++)
      for (let b = 0; b < 256; b++)
        known.add(endpointKey({ ip: ipOf(`9.1.${a}.${b}`), port: 8_444 + (++number % 2) }))
    expect(known.size).toBe(number)
  })

  it('agrees with a set', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.array(fc.string()), (added, asked) => {
        const known = new Fingerprints(1_000)
        for (const text of added) known.add(text)
        expect(known.size).toBe(new Set(added).size)
        for (const text of [...added, ...asked]) expect(known.has(text)).toBe(added.includes(text))
      }),
    )
  })
})
