import { describe, expect, it } from 'vitest'
import { parseIp } from '../../src/primitives/ip.ts'
import { formatSubnet, hostSubnet, parseSubnet, subnetOf } from '../../src/primitives/subnet.ts'
import { ipOf } from '../../testkit/sim/probe.ts'

describe('subnets', () => {
  it.each([
    ['1.2.3.4', '1.2.3.4/32'],
    ['1.2.3.4/24', '1.2.3.0/24'],
    ['1.2.3.4/255.255.0.0', '1.2.0.0/16'],
    ['1.2.3.4/25', '1.2.3.0/25'],
    ['1.2.3.4/0', '0.0.0.0/0'],
    ['2001:db8:1:2::3/32', '2001:db8::/32'],
    ['::1', '::1/128'],
    ['2001:db8::/0', '::/0'],
  ])('%s is %s', (text, canonical) => {
    const subnet = parseSubnet(text)
    expect(subnet && formatSubnet(subnet)).toBe(canonical)
    expect(parseSubnet(canonical)).toEqual(subnet)
  })

  it.each([
    '',
    '1.2.3',
    '1.2.3.4/33',
    '1.2.3.4/',
    '1.2.3.4/-1',
    '1.2.3.4/8/8',
    '::/129',
    '1.2.3.4/255.0.255.0',
    'host/8',
  ])('refuses "%s"', (text) => {
    expect(parseSubnet(text)).toBeUndefined()
  })

  it('of an address is that address alone', () => {
    expect(formatSubnet(subnetOf(parseIp('9.8.7.6') ?? new Uint8Array(16)))).toBe('9.8.7.6/32')
  })
})

describe('a host', () => {
  it.each([
    ['9.1.2.3', '9.1.2.3/32'],
    ['2a00:1:2:3:4:5:6:7', '2a00:1:2:3::/64'],
    // 6to4: all of them are one IPv4 address's.
    ['2002:901:203:4:5:6:7:8', '2002:901:203::/48'],
    // Behind a translator each is an IPv4 address.
    ['64:ff9b::9.1.2.3', '64:ff9b::901:203/128'],
  ])('%s has %s', (ip, subnet) => {
    expect(formatSubnet(hostSubnet(ipOf(ip)))).toBe(subnet)
  })
})
