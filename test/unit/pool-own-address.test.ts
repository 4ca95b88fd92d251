import { describe, expect, it } from 'vitest'
import { OWN_ADDRESS_VOTES, OWN_ADDRESS_WITNESSES } from '../../src/params/limits.ts'
import { OwnAddress } from '../../src/pool/own-address.ts'
import { formatIp } from '../../src/primitives/ip.ts'
import { spreadAddress } from '../../testkit/sim/addresses.ts'
import { ipOf } from '../../testkit/sim/probe.ts'

const ME = '5.5.5.5'

/** `ip` seen by so many networks, from the given one on. Returns how often it became ours. */
function see(own: OwnAddress, ip: string, networks: number, from = 0): number {
  let changes = 0
  for (let i = 0; i < networks; i++) if (own.seen(ipOf(ip), ipOf(spreadAddress(from + i)))) changes++
  return changes
}

const text = (own: OwnAddress): string | undefined => (own.ip === undefined ? undefined : formatIp(own.ip))

describe('OwnAddress', () => {
  it('is nowhere until somebody says', () => {
    const own = new OwnAddress(undefined, false)
    expect([own.ip, own.candidates]).toEqual([undefined, []])
  })

  it('believes two networks, not one however often', () => {
    const own = new OwnAddress(undefined, false)
    for (const by of ['9.1.0.1', '9.1.0.2', '9.1.255.255']) expect(own.seen(ipOf(ME), ipOf(by))).toBe(false)
    expect(own.ip).toBeUndefined()
    expect(own.seen(ipOf(ME), ipOf('9.2.0.1'))).toBe(true)
    expect(text(own)).toBe(ME)
    expect(own.candidates.map(({ score }) => score)).toEqual([OWN_ADDRESS_WITNESSES])
  })

  it('says once that it has changed', () => {
    expect(see(new OwnAddress(undefined, false), ME, 50)).toBe(1)
  })

  it.each([
    '0.0.0.0',
    '127.0.0.1',
    '10.1.2.3',
    '192.168.0.5',
    '::',
    '::1',
    'fe80::1',
    'fc00::1',
    '224.0.0.1',
  ])('is never %s', (ip) => {
    const own = new OwnAddress(undefined, false)
    see(own, ip, 10)
    expect([own.ip, own.candidates.length]).toEqual([undefined, 0])
  })

  it('may be private where all nodes are on one machine, but not nowhere', () => {
    const own = new OwnAddress(undefined, true)
    see(own, '0.0.0.0', 10)
    expect(see(own, '127.0.0.5', 2)).toBe(1)
    expect(text(own)).toBe('127.0.0.5')
  })

  it('changes when more networks see another one', () => {
    const own = new OwnAddress(undefined, false)
    see(own, ME, 3)
    expect(see(own, '6.6.6.6', 3, 100)).toBe(0)
    expect(see(own, '6.6.6.6', 1, 200)).toBe(1)
    expect(text(own)).toBe('6.6.6.6')
  })

  it('counts the latest word of each network', () => {
    const own = new OwnAddress(undefined, false)
    see(own, ME, 3)
    expect(see(own, '6.6.6.6', 3)).toBe(1)
    expect(own.candidates.map(({ ip, score }) => [formatIp(ip), score])).toEqual([['6.6.6.6', 3]])
  })

  it('is what the operator says, whoever says otherwise', () => {
    const own = new OwnAddress(ipOf('1.2.3.4'), false)
    expect(see(own, ME, 5)).toBe(0)
    expect(text(own)).toBe('1.2.3.4')
    expect(own.candidates.map(({ ip, score }) => [formatIp(ip), score])).toEqual([
      ['1.2.3.4', 0],
      [ME, 5],
    ])
  })

  it('counts so many votes, and forgets the oldest, but not where it was reached last', () => {
    const own = new OwnAddress(undefined, false)
    see(own, ME, 2)
    for (let i = 0; i < 10 * OWN_ADDRESS_VOTES; i++) own.seen(ipOf(`6.6.${i}.6`), ipOf(spreadAddress(10 + i)))
    expect(own.candidates.length).toBeLessThanOrEqual(OWN_ADDRESS_VOTES + 1)
    expect(text(own)).toBe(ME)
    expect(own.candidates.map(({ ip }) => formatIp(ip))).toContain(ME)
  })

  it('does not keep the message alive that it came in', () => {
    const message = new Uint8Array(100_000)
    message.set(ipOf(ME))
    const own = new OwnAddress(undefined, false)
    own.seen(message.subarray(0, 16), ipOf('9.1.0.1'))
    expect(own.candidates[0]?.ip.buffer.byteLength).toBe(16)
  })

  it('follows when a provider gives the node another address, also after months', () => {
    const own = new OwnAddress(undefined, false)
    see(own, ME, 500)
    let needed = 0
    for (; text(own) === ME && needed < 40; needed++) see(own, '6.6.6.6', 1, 1_000 + needed)
    expect(needed).toBeLessThan(20)
  })
})
