import { describe, expect, it } from 'vitest'
import { MAX_BANS } from '../../src/params/limits.ts'
import { type Ban, BanList, FOREVER } from '../../src/pool/ban-list.ts'
import { unixSeconds } from '../../src/primitives/brand.ts'
import { parseIp } from '../../src/primitives/ip.ts'
import { formatSubnet, parseSubnet } from '../../src/primitives/subnet.ts'

const NOW = unixSeconds(1_000)

function ip(text: string): Uint8Array {
  const bytes = parseIp(text)
  if (bytes === undefined) throw new Error(text)
  return bytes
}

function ban(text: string, until = 2_000): Ban {
  const subnet = parseSubnet(text)
  if (subnet === undefined) throw new Error(text)
  return { subnet, createdAt: NOW, until: unixSeconds(until), reason: 'manual', score: 0 }
}

describe('ban list', () => {
  it('covers addresses and ranges, of both kinds', () => {
    const bans = new BanList([ban('1.2.3.4'), ban('5.6.0.0/16'), ban('2001:db8::/32')])
    for (const banned of ['1.2.3.4', '5.6.255.1', '2001:db8:9::1'])
      expect(bans.covers(ip(banned), NOW)).toBe(true)
    for (const free of ['1.2.3.5', '5.7.0.1', '2001:db9::1', '::'])
      expect(bans.covers(ip(free), NOW)).toBe(false)
  })

  it('takes a range of IPv6 for nothing else, however wide it is', () => {
    const bans = new BanList([ban('::/0'), ban('::/80')])
    expect(bans.covers(ip('2001:db8::1'), NOW)).toBe(true)
    expect(bans.covers(ip('1.2.3.4'), NOW)).toBe(false)
    bans.add(ban('0.0.0.0/0'))
    expect(bans.covers(ip('1.2.3.4'), NOW)).toBe(true)
    bans.remove(ban('::/0').subnet)
    expect(bans.covers(ip('2001:db8::1'), NOW)).toBe(false)
  })

  it('lets go when the time is over, not before', () => {
    const bans = new BanList([ban('1.2.3.4', 1_500)])
    expect(bans.covers(ip('1.2.3.4'), unixSeconds(1_499))).toBe(true)
    expect(bans.covers(ip('1.2.3.4'), unixSeconds(1_500))).toBe(false)
    expect(bans.list(unixSeconds(1_500))).toEqual([])
    expect(bans.size).toBe(0)
  })

  it('keeps a ban without end', () => {
    const bans = new BanList([ban('1.2.3.4', FOREVER)])
    expect(bans.covers(ip('1.2.3.4'), unixSeconds(99_999_999_999))).toBe(true)
  })

  it('replaces, removes and clears', () => {
    const bans = new BanList([ban('1.2.3.4', 1_500), ban('1.2.3.4', 1_800)])
    expect(bans.list(NOW).map(({ until }) => until)).toEqual([1_800])
    expect(bans.remove(ban('1.2.3.0/24').subnet)).toBe(false)
    expect(bans.remove(ban('1.2.3.4').subnet)).toBe(true)
    expect(bans.covers(ip('1.2.3.4'), NOW)).toBe(false)
    bans.add(ban('1.2.3.4'))
    bans.clear()
    expect(bans.size).toBe(0)
  })

  it('is bounded: the ban that ends first makes room', () => {
    const bans = new BanList()
    bans.add(ban('9.9.9.9', 1_001))
    for (let i = 0; i < MAX_BANS; i++) bans.add(ban(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, 2_000 + i))
    expect(bans.size).toBe(MAX_BANS)
    expect(bans.covers(ip('9.9.9.9'), NOW)).toBe(false)
    expect(bans.covers(ip('10.0.0.0'), NOW)).toBe(true)
  })

  it('lists what holds', () => {
    const bans = new BanList([ban('5.0.0.0/8'), ban('1.2.3.4'), ban('6.6.6.6', 1_000)])
    const listed = bans.list(NOW).map(({ subnet }) => formatSubnet(subnet))
    expect(listed.sort()).toEqual(['1.2.3.4/32', '5.0.0.0/8'])
  })
})
