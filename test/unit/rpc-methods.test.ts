import { describe, expect, it } from 'vitest'
import { regtest, testnet } from '../../src/params/networks.ts'
import { RpcDispatcher } from '../../src/rpc/dispatcher.ts'
import { atOnce, FakeControl, NO_SIGNAL, peer, readyPeer } from './rpc-fixtures.ts'

function harness(control = new FakeControl()) {
  const log: string[] = []
  const after: (() => void)[] = []
  const dispatcher = new RpcDispatcher(control, (level, line) => log.push(`${level} ${line}`))
  const call = (method: string, params?: unknown) => {
    const text = JSON.stringify({ id: 1, method, params })
    return JSON.parse(atOnce(dispatcher.dispatch(text, (action) => after.push(action), NO_SIGNAL)))
  }
  const result = (method: string, params?: unknown) => {
    const reply = call(method, params)
    expect(reply.error).toBeUndefined()
    return reply.result
  }
  const error = (method: string, params?: unknown) => {
    const reply = call(method, params)
    expect(reply.error).toMatchObject({ code: -32603 })
    return reply.error.message
  }
  return { control, log, after, call, result, error }
}

describe('getpeerinfo', () => {
  it('shows everything about a peer', () => {
    const { control, result } = harness()
    control.snapshots = [readyPeer(7)]
    expect(result('getpeerinfo')).toEqual([
      {
        id: 7,
        addr: 'node.example:8444',
        inbound: false,
        bytes_sent: 300,
        bytes_recv: 128,
        conntime: 1_700_000_000,
        lastsend: 1_700_000_090,
        lastrecv: 1_700_000_095,
        version: 70001,
        subver: '/Dilithion:0.9.0/',
        startingheight: 4_321,
        relaytxes: true,
        misbehavior: 10,
        network: 'ipv4',
        services: '0000000000000009',
        servicesnames: ['NETWORK', 'WITNESS'],
        timeoffset: -2,
        pingtime: 0.012346,
        minping: 0.01,
        pingsmoothed: 0.0115,
        pingwait: 0.25,
        connection_type: 'manual',
        state: 'handshake-complete',
        unsolicited_pongs: 0,
        messages_sent: 4,
        messages_recv: 2,
        bytessent_per_msg: { ping: 96, version: 204 },
        bytesrecv_per_msg: { verack: 24, '*other*': 104 },
        sendqueue_bytes: 7,
        recvbuffer_bytes: 9,
        addr_relay_enabled: false,
        addr_processed: 0,
        addr_rate_limited: 0,
        synced_headers: -1,
        synced_blocks: -1,
        inflight: [],
        last_events: [],
      },
    ])
  })

  it('leaves out pings that are not known, and says 0 for a version that has not come', () => {
    const { control, result } = harness()
    control.snapshots = [peer(1)]
    const [info] = result('getpeerinfo')
    control.snapshots = [peer(1, { kind: 'manual', inbound: false, sentVersion: true })]
    expect(result('getpeerinfo')[0]).toMatchObject({ state: 'version-sent' })
    expect(info).toMatchObject({ version: 0, subver: '', state: 'connected', connection_type: 'inbound' })
    for (const name of ['pingtime', 'minping', 'pingsmoothed', 'pingwait'])
      expect(info).not.toHaveProperty(name)
  })

  it('makes user agents printable, and tells networks, kinds and states apart', () => {
    const { control, result } = harness()
    control.snapshots = [
      peer(1, { userAgent: '/x\x1b[31m\n/', state: 'awaitVerack', remote: '[2a00:1450::5]:8444' }),
      peer(2, { kind: 'oneTry', inbound: false, remote: '192.168.1.9:8444' }),
    ]
    const [first, second] = result('getpeerinfo')
    expect(first).toMatchObject({ subver: '/x?[31m?/', state: 'version-sent', network: 'ipv6' })
    expect(second).toMatchObject({ connection_type: 'onetry', network: 'not_publicly_routable' })
  })
})

describe('what getpeerinfo tells of a peer', () => {
  it('includes its last events, repetitions counted', () => {
    const { control, result } = harness()
    control.snapshots = [peer(1)]
    const { id } = peer(1)
    control.tell({ type: 'accepted', peer: id, address: '1.2.3.4:5' })
    for (let i = 0; i < 3; i++) control.tell({ type: 'congested', peer: id, queuedBytes: 1 })
    expect(result('getpeerinfo')[0].last_events).toEqual([
      { time: 1_700_000_000, event: 'accepted' },
      { time: 1_700_000_000, event: 'does not read what we send (3 times)' },
    ])
  })

  it('says with whom addresses are exchanged, and how many were taken', () => {
    const { control, result } = harness()
    const addresses = { exchangesAddresses: true, addressesProcessed: 7, addressesRateLimited: 2 }
    control.snapshots = [
      readyPeer(1, { kind: 'automatic', ...addresses }),
      readyPeer(2, { kind: 'blockRelay' }),
    ]
    expect(result('getpeerinfo')).toMatchObject([
      {
        connection_type: 'outbound-full-relay',
        addr_relay_enabled: true,
        addr_processed: 7,
        addr_rate_limited: 2,
      },
      { connection_type: 'block-relay-only', addr_relay_enabled: false },
    ])
  })
})

describe('numbers about the network', () => {
  it('counts connections and traffic', () => {
    const { control, result } = harness()
    control.snapshots = [peer(1), readyPeer(2)]
    expect(result('getconnectioncount')).toBe(2)
    expect(result('getnettotals')).toEqual({
      totalbytesrecv: 1_234,
      totalbytessent: 567,
      timemillis: 1_700_000_100_000,
    })
    expect(result('uptime')).toBe(3_700)
  })

  it('getnetworkinfo', () => {
    const { control, result } = harness()
    control.snapshots = [
      peer(1, { timeOffset: 999 }),
      readyPeer(2, { timeOffset: 5 }),
      readyPeer(3, { timeOffset: -1 }),
      readyPeer(4, { timeOffset: 1 }),
    ]
    expect(result('getnetworkinfo')).toEqual({
      version: 'v1.0.0',
      subversion: '/Dilithion:1.0.0/',
      protocolversion: 70001,
      network: 'testnet',
      localservices: '0000000000000001',
      localservicesnames: ['NETWORK'],
      localrelay: true,
      timeoffset: 1,
      networkactive: true,
      listening: true,
      listenport: 18444,
      connections: 4,
      connections_in: 1,
      connections_out: 3,
      maxconnections: 125,
      localaddresses: [],
      warnings: '',
    })
    control.own = [
      { address: '8.8.8.8:18444', score: 4 },
      { address: '[2a00:1450::5]:18444', score: 2 },
    ]
    expect(result('getnetworkinfo').localaddresses).toEqual([
      { address: '8.8.8.8', port: 18_444, score: 4 },
      { address: '2a00:1450::5', port: 18_444, score: 2 },
    ])
    control.listenPort = undefined
    control.snapshots = []
    const info = result('getnetworkinfo')
    expect(info).toMatchObject({ listening: false, timeoffset: 0 })
    expect(info).not.toHaveProperty('listenport')
  })

  it('ping answers null', () => {
    const { control, result } = harness()
    expect(result('ping')).toBeNull()
    expect(control.calls).toEqual(['pingAll'])
  })
})

describe('addnode', () => {
  it('adds, removes and tries once, by name and by position', () => {
    const { control, result } = harness()
    control.added = [{ address: '10.0.0.1:18444', connected: false }]
    expect(result('addnode', { node: '10.0.0.1:9', command: 'add' })).toBeNull()
    expect(result('addnode', ['10.0.0.1', 'remove'])).toBeNull()
    expect(result('addnode', ['[::1]:7', 'onetry'])).toBeNull()
    expect(control.calls).toEqual([
      'addNode 10.0.0.1:9 true',
      'removeNode 10.0.0.1:18444',
      'addNode [::1]:7 false',
    ])
  })

  it('says in words what is wrong', () => {
    const { control, error } = harness()
    expect(error('addnode', ['1.2.3.4', 'remove'])).toMatch(/1\.2\.3\.4:18444 is not in the list/)
    control.addVerdict = 'alreadyAdded'
    expect(error('addnode', ['1.2.3.4', 'add'])).toMatch(/in the list of added nodes already/)
    control.addVerdict = 'full'
    expect(error('addnode', ['1.2.3.4', 'add'])).toMatch(/full/)
    expect(error('addnode', ['1.2.3.4:99999', 'add'])).toMatch(/'1\.2\.3\.4:99999' is not an address/)
  })
})

describe('getaddednodeinfo', () => {
  it('lists added nodes with their connections', () => {
    const { control, result, error } = harness()
    control.snapshots = [readyPeer(1), peer(2)]
    control.added = [
      { address: 'node.example:8444', connected: true },
      { address: '10.0.0.1:18444', connected: false },
    ]
    const idle = { addednode: '10.0.0.1:18444', connected: false, addresses: [] }
    const connected = {
      addednode: 'node.example:8444',
      connected: true,
      addresses: [{ address: '8.8.4.4:8444', connected: 'outbound' }],
    }
    expect(result('getaddednodeinfo')).toEqual([connected, idle])
    expect(result('getaddednodeinfo', { node: '10.0.0.1' })).toEqual([idle])
    expect(error('getaddednodeinfo', ['10.0.0.2'])).toMatch(/10\.0\.0\.2:18444 is not in the list/)
  })
})

describe('disconnectnode', () => {
  it('finds a peer by address, remote endpoint, alias or id', () => {
    const { control, result } = harness()
    control.snapshots = [peer(1), readyPeer(2), readyPeer(3, { address: '10.0.0.3:18444' })]
    const address = 'node.example:8444'
    expect(result('disconnectnode', { address })).toEqual({ address, disconnected: true })
    expect(result('disconnectnode', { node: '8.8.4.4:8444' })).toEqual({ address, disconnected: true })
    expect(result('disconnectnode', ['10.0.0.3'])).toEqual({ address: '10.0.0.3:18444', disconnected: true })
    expect(result('disconnectnode', ['', 1])).toEqual({ address: '127.0.0.1:50001', disconnected: true })
    expect(result('disconnectnode', { nodeid: 2 })).toEqual({ address, disconnected: true })
    expect(control.calls).toEqual([2, 2, 3, 1, 2].map((id) => `disconnectPeer ${id}`))
  })

  it('says when there is no such peer, or when it was not told which', () => {
    const { control, error } = harness()
    control.snapshots = [peer(1)]
    expect(error('disconnectnode', ['1.2.3.4'])).toMatch(/^Node not found in connected nodes/)
    expect(error('disconnectnode', ['', 9])).toMatch(/^Node not found in connected nodes/)
    expect(error('disconnectnode')).toMatch(/either 'address' or 'nodeid'/)
    expect(error('disconnectnode', ['1.2.3.4', 9])).toMatch(/either 'address' or 'nodeid'/)
    expect(error('disconnectnode', { node: 'a', address: 'b' })).toMatch(/both given/)
    expect(error('disconnectnode', ['', 1.5])).toMatch(/'nodeid' must be the id of a peer, not 1\.5/)
  })
})

describe('stop', () => {
  it('wants to be confirmed, and stops after the reply', () => {
    const { control, after, result, error } = harness()
    expect(error('stop')).toMatch(/confirm: true/)
    expect(error('stop', { confirm: false })).toMatch(/confirm: true/)
    expect(error('stop', { confirm: 'yes' })).toMatch(/'confirm' must be true/)
    expect(after).toHaveLength(0)
    expect(result('stop', { confirm: true })).toBe('Dilithion node stopping')
    expect(control.calls).toEqual([])
    for (const action of after) action()
    expect(control.calls).toEqual(['requestStop'])
  })

  it('takes the confirmation by position too', () => {
    const { after, result } = harness()
    result('stop', [true])
    expect(after).toHaveLength(1)
  })
})

describe('help', () => {
  it('lists every method in order, or explains one', () => {
    const { result, error } = harness()
    const { commands } = result('help')
    const names = commands.map((line: string) => line.split(' - ')[0])
    expect(names).toEqual([...names].sort())
    expect(names).toContain('getblockchaininfo')
    expect(names).not.toContain('setmocktime')
    expect(result('help', ['addnode'])).toMatch(/^addnode <node> <add\|remove\|onetry>\n\naddnode - /)
    expect(error('help', { command: 'nope' })).toMatch(/no method 'nope'/)
  })
})

describe('setmocktime', () => {
  it('exists on regtest only', () => {
    expect(harness(new FakeControl(testnet)).call('setmocktime', [1]).error.code).toBe(-32601)
    const { control, result, error } = harness(new FakeControl(regtest))
    expect(result('setmocktime', [1_800_000_000])).toBeNull()
    expect(result('setmocktime', { timestamp: 5 })).toBeNull()
    expect(result('setmocktime', { seconds: 0 })).toBeNull()
    expect(control.calls).toEqual(['setMockTime 1800000000', 'setMockTime 5', 'setMockTime 0'])
    for (const bad of [-1, 1.5, 2 ** 32, '5', true]) {
      expect(error('setmocktime', [bad])).toMatch(/'timestamp' must be a whole number of Unix seconds/)
    }
    expect(result('help').commands.join()).toMatch('setmocktime - ')
  })
})

describe('parameters', () => {
  it('names what is missing, unknown, wrong or too much, with the usage', () => {
    const { error } = harness()
    const usage = 'Usage: addnode <node> <add|remove|onetry>'
    expect(error('addnode')).toBe(`addnode: parameter 'node' is missing. ${usage}`)
    expect(error('addnode', { node: 'a' })).toBe(`addnode: parameter 'command' is missing. ${usage}`)
    expect(error('addnode', { node: 'a', command: null })).toBe(
      `addnode: parameter 'command' is missing. ${usage}`,
    )
    expect(error('addnode', ['a', 'drop'])).toBe(
      `addnode: parameter 'command' must be 'add', 'remove' or 'onetry', not "drop". ${usage}`,
    )
    expect(error('addnode', [5, 'add'])).toBe(
      `addnode: parameter 'node' must be an address such as '1.2.3.4:8444', not 5. ${usage}`,
    )
    expect(error('addnode', { node: 'a', command: 'add', v2: true })).toBe(
      `addnode: unknown parameter 'v2'. ${usage}`,
    )
    expect(error('addnode', ['a', 'add', 1])).toBe(`addnode: takes at most 2 parameters, not 3. ${usage}`)
    expect(error('uptime', [1])).toMatch(/takes no parameters, not 1/)
  })

  it('knows no parameters by the names of what all objects have', () => {
    const { call } = harness()
    for (const name of ['__proto__', 'constructor', 'toString']) {
      const params = JSON.parse(`{"${name}": {"node": "1.2.3.4", "command": "add"}}`)
      expect(call('addnode', params).error.message).toMatch(`unknown parameter '${name}'`)
      expect(call(name).error.code).toBe(-32601)
    }
  })
})

describe('a bug in a method', () => {
  it('is answered and logged', () => {
    const { control, log, error } = harness()
    control.bug = new Error('boom')
    expect(error('getpeerinfo')).toMatch(/internal error/)
    expect(log).toHaveLength(1)
    expect(log[0]).toMatch(/^error RPC method getpeerinfo failed: Error: boom/)
  })
})

describe('setban, listbanned, clearbanned', () => {
  it('refuse and accept again, by name and by position', () => {
    const { control, result } = harness()
    expect(result('setban', ['1.2.3.4', 'add'])).toBeNull()
    expect(result('setban', { ip: '5.6.0.0/16', command: 'add', bantime: 60 })).toBeNull()
    expect(result('setban', ['7.7.7.7', 'add', control.unixTime() + 5, true])).toBeNull()
    expect(result('setban', ['8.8.8.8', 'add', 0])).toBeNull()
    expect(result('listbanned')).toMatchObject([
      {
        address: '1.2.3.4',
        ban_duration: 86_400,
        time_remaining: 86_400,
        ban_reason: 2,
        ban_reason_str: 'manual',
      },
      { address: '5.6.0.0/16', banned_until: control.unixTime() + 60 },
      { address: '7.7.7.7', banned_until: control.unixTime() + 5 },
      { address: '8.8.8.8', banned_until: 0 },
    ])
    expect(result('setban', ['5.6.9.9/16', 'remove'])).toBeNull()
    expect(result('clearbanned')).toBeNull()
    expect(result('listbanned')).toEqual([])
  })

  it('give a ban its times, and keep a ban without end apart', () => {
    const { control, result } = harness()
    const now = control.unixTime()
    result('setban', { ip: '1.2.3.4', command: 'add', bantime: now + 90, absolute: true })
    result('setban', ['5.6.7.8', 'add', 30, false])
    result('setban', ['6.6.6.6', 'add', 0, true])
    const times = {
      ban_created: now,
      ban_reason: 2,
      ban_reason_str: 'manual',
      misbehavior_type: 0,
      misbehavior_score: 0,
    }
    expect(result('listbanned')).toEqual([
      { address: '1.2.3.4', banned_until: now + 90, ban_duration: 90, time_remaining: 90, ...times },
      { address: '5.6.7.8', banned_until: now + 30, ban_duration: 30, time_remaining: 30, ...times },
      { address: '6.6.6.6', banned_until: 0, ban_duration: 0, time_remaining: 0, ...times },
    ])
  })

  it('take an address for banned if a range covers it, and a range only if it is the very same', () => {
    const { error, result } = harness()
    result('setban', ['1.2.0.0/16', 'add'])
    expect(error('setban', ['1.2.3.4', 'add'])).toBe('setban: 1.2.3.4/32 is banned already, by 1.2.0.0/16')
    expect(error('setban', ['1.2.9.9/16', 'add'])).toBe('setban: 1.2.0.0/16 is banned already')
    expect(result('setban', ['1.2.3.0/24', 'add'])).toBeNull()
    expect(result('setban', ['1.2.3.4/32', 'add'])).toBeNull()
    expect(error('setban', ['1.2.3.9', 'remove'])).toContain('is not banned')
    result('setban', ['2001:db8::/32', 'add'])
    expect(error('setban', ['2001:db8::5', 'add'])).toContain('by 2001:db8::/32')
  })

  it('say what is wrong', () => {
    const { error, result } = harness()
    for (const bad of [-1, 1.5, '60']) {
      expect(error('setban', ['1.2.3.4', 'add', bad])).toContain('must be a whole number of seconds')
    }
    expect(error('setban', { ip: '1.2.3.4', command: 'add', absolute: true })).toContain('still to come')
    expect(error('setban', ['nobody', 'add'])).toContain("'nobody' is no IP address or subnet")
    expect(error('setban', ['1.2.3.4', 'remove'])).toContain('is not banned')
    result('setban', ['1.2.3.4', 'add'])
    expect(error('setban', ['1.2.3.4', 'add'])).toContain('is banned already')
    expect(error('setban', ['1.2.3.5', 'add', 1, true])).toContain('still to come')
    expect(error('setban', ['1.2.3.5', 'drop'])).toContain("'add' or 'remove'")
  })
})
