import { isIP } from 'node:net'
import { describe, expect, it } from 'vitest'
import { toHex } from '../../src/primitives/bytes.ts'
import {
  formatEndpoint,
  formatHostPort,
  formatIp,
  type IpBytes,
  isIpv4,
  isLoopback,
  isRoutable,
  parseHostPort,
  parseIp,
  UNSPECIFIED_V4,
} from '../../src/primitives/ip.ts'

function ip(text: string): IpBytes {
  const bytes = parseIp(text)
  if (bytes === undefined) throw new Error(`not an address: ${text}`)
  return bytes
}

const MAPPED = '00000000000000000000ffff'

describe('parseIp', () => {
  it.each([
    ['1.2.3.4', `${MAPPED}01020304`],
    ['255.255.255.255', `${MAPPED}ffffffff`],
    ['::ffff:1.2.3.4', `${MAPPED}01020304`],
    ['::FFFF:102:304', `${MAPPED}01020304`],
    ['::', '00'.repeat(16)],
    ['::1', `${'00'.repeat(15)}01`],
    ['1::', `0001${'00'.repeat(14)}`],
    ['2001:db8::8a2e:370:7334', '20010db80000000000008a2e03707334'],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
    ['1:2:3:4:5:6:7::', '00010002000300040005000600070000'],
    ['::2:3:4:5:6:7:8', '00000002000300040005000600070008'],
    ['1:2:3:4:5:6:1.2.3.4', '00010002000300040005000601020304'],
    ['64:ff9b::1.2.3.4', '0064ff9b000000000000000001020304'],
    ['fe80::1%eth0', `fe80${'00'.repeat(13)}01`],
  ])('reads %s', (text, hex) => {
    expect(toHex(ip(text))).toBe(hex)
    expect(isIP(text)).not.toBe(0)
  })

  it.each([
    '',
    ' 1.2.3.4',
    '1.2.3.4 ',
    '1.2.3.4\n',
    '1.2.3',
    '1.2.3.4.5',
    '256.1.1.1',
    '1.2.3.-4',
    '0x1.2.3.4',
    '01.2.3.4',
    '1.2.3.004',
    '1.2.3.4%eth0',
    '\u0661.2.3.4',
    ':',
    ':::',
    '::::',
    '1:',
    ':1',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '1:2:3:4::5:6:7:8',
    '12345::',
    'g::',
    '1.2.3.4::',
    '1:1.2.3.4::2',
    '::1.2.3.4:5',
    '::1.2.3',
    '::01.2.3.4',
    '1:2:3:4:5:6:7:1.2.3.4',
    '[::1]',
    '1:-2::',
    'localhost',
  ])('refuses %j', (text) => {
    expect(parseIp(text)).toBeUndefined()
    expect(isIP(text)).toBe(0)
  })
})

describe('formatIp', () => {
  it.each([
    '0.0.0.0',
    '93.184.216.34',
    '::',
    '::1',
    '1::',
    '::102:304',
    '2001:db8::1:0:0:1',
    '2001:0:0:1::1',
    '1:0:2:0:3:0:4:0',
    'fe80::1:2:3:4',
    'ff02::fb',
    '1:2:3:4:5:6:7:8',
    '::2:3:4:5:6:7',
  ])('writes %s as people do', (text) => {
    expect(formatIp(ip(text))).toBe(text)
  })

  it('reads a view within a larger buffer', () => {
    const memory = new Uint8Array(40)
    memory.set(ip('2001:db8::5'), 3)
    expect(formatIp(memory.subarray(3, 19))).toBe('2001:db8::5')
    memory.set(ip('10.0.0.1'), 3)
    expect(formatIp(memory.subarray(3, 19))).toBe('10.0.0.1')
  })

  it('puts brackets around IPv6 before a port', () => {
    expect(formatEndpoint({ ip: ip('1.2.3.4'), port: 8444 })).toBe('1.2.3.4:8444')
    expect(formatEndpoint({ ip: ip('2001:db8::1'), port: 8444 })).toBe('[2001:db8::1]:8444')
    expect(formatHostPort('example.org', 1)).toBe('example.org:1')
  })
})

describe('kinds of addresses', () => {
  it('knows IPv4 and loopback', () => {
    expect(isIpv4(UNSPECIFIED_V4)).toBe(true)
    expect(isIpv4(ip('::'))).toBe(false)
    expect(isIpv4(ip('::1.2.3.4'))).toBe(false)
    expect(isIpv4(ip('1::ffff:1.2.3.4'))).toBe(false)
    for (const text of ['127.0.0.1', '127.255.0.3', '::1']) expect(isLoopback(ip(text)), text).toBe(true)
    for (const text of ['128.0.0.1', '126.0.0.1', '::', '::2', '1::1', '::7f00:1']) {
      expect(isLoopback(ip(text)), text).toBe(false)
    }
  })

  // First and last address of each range of wire-protocol 11.2, and their neighbours outside it.
  it.each([
    ['0.0.0.0', '0.0.0.0', undefined, undefined],
    ['10.0.0.0', '10.255.255.255', '9.255.255.255', '11.0.0.0'],
    ['100.64.0.0', '100.127.255.255', '100.63.255.255', '100.128.0.0'],
    ['127.0.0.0', '127.255.255.255', '126.255.255.255', '128.0.0.0'],
    ['169.254.0.0', '169.254.255.255', '169.253.255.255', '169.255.0.0'],
    ['172.16.0.0', '172.31.255.255', '172.15.255.255', '172.32.0.0'],
    ['192.0.2.0', '192.0.2.255', '192.0.1.255', '192.0.3.0'],
    ['192.168.0.0', '192.168.255.255', '192.167.255.255', '192.169.0.0'],
    ['198.18.0.0', '198.19.255.255', '198.17.255.255', '198.20.0.0'],
    ['198.51.100.0', '198.51.100.255', '198.51.99.255', '198.51.101.0'],
    ['203.0.113.0', '203.0.113.255', '203.0.112.255', '203.0.114.0'],
    ['224.0.0.0', '255.255.255.255', '223.255.255.255', undefined],
    ['::', '::1', undefined, undefined],
    ['::1.2.3.4', '::255.255.255.255', undefined, '::1:0:0'],
    ['64:ff9b::10.0.0.0', '64:ff9b::10.255.255.255', '64:ff9b::9.255.255.255', '64:ff9b::11.0.0.0'],
    ['2002:a00::', '2002:aff:ffff:ffff::1', '2002:9ff:ffff::', '2002:b00::'],
    ['2001:10::', '2001:1f:ffff:ffff:ffff:ffff:ffff:ffff', '2001:f:ffff::', undefined],
    ['2001:20::', '2001:2f:ffff:ffff:ffff:ffff:ffff:ffff', undefined, '2001:30::'],
    ['2001:db8::', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff', '2001:db7:ffff::', '2001:db9::'],
    ['fc00::', 'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'fbff:ffff::', 'fe00::'],
    ['fe80::', 'febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'fe7f:ffff::', 'fec0::'],
    ['ff00::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 'feff:ffff::', undefined],
  ])('none of %s to %s is routable, its neighbours are', (first, last, below, above) => {
    expect(isRoutable(ip(first))).toBe(false)
    expect(isRoutable(ip(last))).toBe(false)
    for (const text of [below, above]) if (text !== undefined) expect(isRoutable(ip(text)), text).toBe(true)
  })

  it.each(['1.1.1.1', '93.184.216.34', '138.197.68.128', '::ffff:8.8.8.8', '2606:4700:4700::1111'])(
    '%s is routable',
    (text) => {
      expect(isRoutable(ip(text))).toBe(true)
    },
  )
})

describe('parseHostPort', () => {
  it.each([
    ['1.2.3.4', '1.2.3.4', 8444],
    ['1.2.3.4:1', '1.2.3.4', 1],
    ['1.2.3.4:65535', '1.2.3.4', 65_535],
    ['seed.dilithion.org', 'seed.dilithion.org', 8444],
    ['seed.dilithion.org.:18444', 'seed.dilithion.org.', 18_444],
    ['localhost:28444', 'localhost', 28_444],
    ['a_b-c.example:9', 'a_b-c.example', 9],
    ['[::1]', '::1', 8444],
    ['[2001:db8::1]:9000', '2001:db8::1', 9_000],
    ['::1', '::1', 8444],
    ['2001:db8::1:9000', '2001:db8::1:9000', 8444],
    ['[fe80::1%eth0]:8444', 'fe80::1%eth0', 8444],
  ])('reads %s', (text, host, port) => {
    expect(parseHostPort(text, 8444)).toEqual({ host, port })
  })

  it.each([
    '',
    ':',
    ':8444',
    '1.2.3.4:',
    '1.2.3.4:0',
    '1.2.3.4:65536',
    '1.2.3.4:99999',
    '1.2.3.4:123456',
    '1.2.3.4:-1',
    '1.2.3.4:8444 ',
    '1.2.3.4:8444\n',
    '1.2.3.4:1:2',
    '1.2.3',
    '256.1.1.1',
    '01.2.3.4:8444',
    '...',
    'a b',
    '-a',
    'a-:1',
    'ex ample.org',
    'http://a',
    'a/b',
    '[]',
    '[]:1',
    '[::1',
    '::1]',
    '[::1]8444',
    '[::1]:',
    '[::1]:0',
    '[example.org]:1',
    '[[::1]]:1',
    `${'a'.repeat(254)}:1`,
  ])('refuses %j', (text) => {
    expect(parseHostPort(text, 8444)).toBeUndefined()
  })
})
