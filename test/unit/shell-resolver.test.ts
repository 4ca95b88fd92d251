/** Names of seeds to addresses: bounded in time and number, and fair between names. */
import { describe, expect, it } from 'vitest'
import { MAX_RESOLVED_ADDRESSES } from '../../src/params/limits.ts'
import { formatIp } from '../../src/primitives/ip.ts'
import { type Lookup, resolveNames } from '../../src/shell/resolver.ts'

const forever = new Promise<never>(() => undefined)

const resolve = async (names: readonly string[], ask: Lookup, timeoutMs?: number): Promise<string[]> =>
  (await resolveNames(names, ask, timeoutMs)).map(formatIp)

describe('resolveNames', () => {
  it('asks the system', async () => {
    const found = (await resolveNames(['localhost'])).map(formatIp)
    expect(found.every((ip) => ip === '127.0.0.1' || ip === '::1')).toBe(true)
    expect(found.length).toBeGreaterThan(0)
  })

  it('leaves out what can not be resolved, and what is no address', async () => {
    const ask: Lookup = async (name) => {
      if (name === 'bad') throw new Error('no such host')
      return name === 'odd' ? ['what?', '192.0.2.9'] : ['192.0.2.1', '2001:db8::1%eth0']
    }
    expect(await resolve(['bad', 'good', 'odd'], ask)).toEqual(['192.0.2.1', '2001:db8::1', '192.0.2.9'])
    expect(await resolve(['bad'], ask)).toEqual([])
    expect(await resolve([], ask)).toEqual([])
  })

  it('does not wait for a name server that hangs, and keeps what others said', async () => {
    const ask: Lookup = (name) => (name === 'hangs' ? forever : Promise.resolve(['192.0.2.1']))
    expect(await resolve(['hangs', 'answers'], ask, 20)).toEqual(['192.0.2.1'])
  })

  it('takes a bounded number, the same from each name', async () => {
    const ask: Lookup = async (name) => {
      const count = name === 'small' ? 3 : 10_000
      return Array.from(
        { length: count },
        (_, i) => `${name === 'a' ? 10 : 11}.${i >> 16}.${(i >> 8) & 255}.${i & 255}`,
      )
    }
    const found = await resolve(['a', 'b'], ask)
    expect(found).toHaveLength(MAX_RESOLVED_ADDRESSES)
    expect(found.filter((ip) => ip.startsWith('10.'))).toHaveLength(MAX_RESOLVED_ADDRESSES / 2)
    expect(await resolve(['a', 'small'], ask)).toContain('11.0.0.2')
  })

  it('names each address once', async () => {
    expect(await resolve(['a', 'b'], async () => ['192.0.2.1', '192.0.2.1', '192.0.2.2'])).toEqual([
      '192.0.2.1',
      '192.0.2.2',
    ])
  })
})
