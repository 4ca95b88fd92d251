/** Methods about known addresses, and those that tell why. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { mainnet, regtest } from '../../src/params/networks.ts'
import { parseIp } from '../../src/primitives/ip.ts'
import { RpcDispatcher } from '../../src/rpc/dispatcher.ts'
import { methodsFor } from '../../src/rpc/methods.ts'
import { atOnce, FakeControl, NO_SIGNAL, peer, readyPeer } from './rpc-fixtures.ts'

function harness(control = new FakeControl(mainnet)) {
  const dispatcher = new RpcDispatcher(control, () => {})
  const call = (method: string, params?: unknown) =>
    JSON.parse(atOnce(dispatcher.dispatch(JSON.stringify({ id: 1, method, params }), () => {}, NO_SIGNAL)))
  const result = (method: string, params?: unknown) => {
    const reply = call(method, params)
    expect(reply.error).toBeUndefined()
    return reply.result
  }
  return {
    control,
    call,
    result,
    error: (method: string, params?: unknown) => call(method, params).error.message,
  }
}

const known = (text: string, port = 8444) => ({
  ip: parseIp(text) ?? new Uint8Array(16),
  port,
  services: 1n,
  time: 1_699_999_000,
})

describe('getnodeaddresses', () => {
  it('gives one, some, all, or those of one network', () => {
    const { control, result } = harness()
    control.known = [known('1.2.3.4'), known('2a00:1450::5', 9), known('5.6.7.8')]
    const first = { time: 1_699_999_000, services: 1, address: '1.2.3.4', port: 8_444, network: 'ipv4' }
    expect(result('getnodeaddresses')).toEqual([first])
    expect(result('getnodeaddresses', [2])).toHaveLength(2)
    expect(result('getnodeaddresses', [0])).toHaveLength(3)
    expect(result('getnodeaddresses', { count: 0, network: 'ipv6' })).toEqual([
      { ...first, address: '2a00:1450::5', port: 9, network: 'ipv6' },
    ])
    expect(result('getnodeaddresses', [1, 'ipv4'])).toEqual([first])
  })

  it('says what is wrong', () => {
    const { error } = harness()
    expect(error('getnodeaddresses', [-1])).toContain('0 for all')
    expect(error('getnodeaddresses', [1, 'onion'])).toContain("'ipv4' or 'ipv6'")
  })
})

describe('the address book', () => {
  it('is summed up by getaddrmaninfo', () => {
    const { control, result } = harness()
    control.book = { total: 7, fresh: 5, tried: 2 }
    expect(result('getaddrmaninfo')).toEqual({ all_networks: { new: 5, tried: 2, total: 7 } })
  })

  it('can be written to on regtest only', () => {
    expect(harness().call('addpeeraddress', ['1.2.3.4', 1]).error.code).toBe(-32601)
    const { control, result, error } = harness(new FakeControl(regtest))
    expect(result('addpeeraddress', ['1.2.3.4', 8444])).toEqual({ success: true })
    expect(result('addpeeraddress', { address: '::1', port: 1, tried: true })).toEqual({ success: false })
    expect(control.calls).toEqual(['addKnownAddress 1.2.3.4:8444 false', 'addKnownAddress [::1]:1 true'])
    expect(error('addpeeraddress', ['node.example', 1])).toContain('must be an IP address')
    for (const port of [0, 65_536, 1.5, '1']) {
      expect(error('addpeeraddress', ['1.2.3.4', port])).toContain('a port from 1 to 65535')
    }
  })
})

describe('getdisconnects', () => {
  it('tells how connections ended, the latest first', () => {
    const { control, result, error } = harness()
    const { id } = peer(4)
    const address = '1.2.3.4:5'
    control.tell(
      { type: 'dialFailed', address: 'node.example:8444', error: 'no such host', retryMs: 1, kind: 'manual' },
      { type: 'refused', address, reason: 'banned' },
      { type: 'connected', peer: id, address, kind: 'blockRelay' },
      {
        type: 'disconnected',
        peer: id,
        address,
        kind: 'blockRelay',
        inbound: false,
        wasReady: true,
        bytesSent: 1,
        bytesReceived: 1,
        reason: 'evicted',
      },
    )
    const time = 1_700_000_000
    const dialFailed = {
      time,
      address: 'node.example:8444',
      inbound: false,
      event: 'dialFailed',
      reason: 'noSuchHost',
      reason_str: 'the name leads nowhere',
      connection_type: 'manual',
      detail: 'no such host',
    }
    const refused = {
      time,
      address,
      inbound: true,
      event: 'refused',
      reason: 'banned',
      reason_str: 'its address is banned',
    }
    const disconnected = {
      time,
      address,
      inbound: false,
      event: 'disconnected',
      reason: 'evicted',
      reason_str: 'its slot went to another peer',
      connection_type: 'block-relay-only',
      handshake_complete: true,
      seconds: 0,
    }
    expect(result('getdisconnects')).toEqual(expect.arrayContaining([dialFailed, refused, disconnected]))
    expect(result('getdisconnects')).toHaveLength(3)
    expect(result('getdisconnects', [1])).toEqual([disconnected])
    expect(error('getdisconnects', [0])).toContain('a whole number from 1')
  })
})

describe('getcounters', () => {
  it('shows every counter', () => {
    const { control, result } = harness()
    control.tell({ type: 'refused', address: '1.2.3.4:5', reason: 'perIpLimit' })
    expect(result('getcounters')).toMatchObject({
      refused: { perIpLimit: 1, banned: 0 },
      disconnected: { evicted: 0 },
      bytes: { received: 1_234, sent: 567 },
    })
  })
})

describe('gethealth', () => {
  it('shows lag and memory', () => {
    const { control, result } = harness()
    const rest = { uptime: 3_700, heap: { used: 10, total: 20, limit: 100 }, external: 3, rss: 50 }
    expect(result('gethealth')).toEqual({ eventloop: { p50_ms: 0.1, p99_ms: 2.5, max_ms: 11 }, ...rest })
    control.healthReport = { ...control.healthReport, eventLoop: undefined }
    expect(result('gethealth')).toEqual(rest)
  })
})

describe('getdiagnosis', () => {
  it('tells in words what is wrong', () => {
    const { control, result } = harness()
    control.added = [{ address: '1.2.3.4:8444', connected: false }]
    control.tell({
      type: 'dialFailed',
      address: '1.2.3.4:8444',
      error: 'connection refused',
      retryMs: 1,
      kind: 'manual',
    })
    expect(result('getdiagnosis')).toEqual({
      healthy: false,
      findings: [
        {
          level: 'problem',
          code: 'unreachable',
          title: 'Nobody answers',
          explanation: '1 address tried lately: 0 gave no answer, 1 refused.',
          advice: 'Check the addresses and ports that you named, and whether these nodes run.',
        },
      ],
    })
    control.snapshots = [readyPeer(1)]
    expect(result('getdiagnosis').healthy).toBe(true)
  })
})

describe('docs/RPC.md', () => {
  const text = readFileSync(join(resolve(import.meta.dirname, '../..'), 'docs/RPC.md'), 'utf8')

  it('lists every method, and no others', () => {
    const listed = [...text.matchAll(/^\| `([a-z]+)`(?: \(regtest only\))? \|.*\|.*\|$/gm)].map(
      ([, name]) => name,
    )
    expect(listed).toEqual([...methodsFor(regtest).keys()])
  })

  it('names every code of a finding', () => {
    for (const file of ['diagnosis', 'diagnosis-rules', 'diagnosis-setup-rules']) {
      const source = readFileSync(join(resolve(import.meta.dirname, '../../src/node'), `${file}.ts`), 'utf8')
      for (const [, code] of source.matchAll(/^ +code: (.*),$/gm)) {
        for (const [, name] of (code ?? '').matchAll(/'(\w+)'/g)) expect(text).toContain(`\`${name}\``)
      }
    }
  })
})
