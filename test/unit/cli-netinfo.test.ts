import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import { fetchNetinfo, type NetinfoData, type NetinfoPeer } from '../../src/cli/client/netinfo-data.ts'
import { renderNetinfo } from '../../src/cli/client/netinfo-table.ts'
import { type Wake, watchNetinfo } from '../../src/cli/client/netinfo-watch.ts'
import { openScreen } from '../../src/cli/client/terminal.ts'
import { formatAge, formatBytes } from '../../src/cli/client/units.ts'
import { UserError } from '../../src/primitives/errors.ts'
import { RpcError } from '../../src/rpc/errors.ts'

const NOW = 1_700_010_000

const inbound: NetinfoPeer = {
  id: 12,
  addr: '127.0.0.1:50012',
  inbound: true,
  bytes_sent: 0,
  bytes_recv: 24,
  conntime: NOW - 3,
  lastsend: 0,
  lastrecv: NOW - 1,
  version: 0,
  subver: '',
  startingheight: 0,
  pingtime: undefined,
  minping: undefined,
  connection_type: 'inbound',
  state: 'connected',
}
const outbound: NetinfoPeer = {
  ...inbound,
  id: 3,
  addr: 'node.example:18444',
  inbound: false,
  bytes_sent: 1_234,
  bytes_recv: 45_678_901,
  conntime: NOW - 7_300,
  lastsend: NOW,
  version: 70001,
  subver: '/Dilithion:0.9.0/',
  startingheight: 4_321,
  pingtime: 0.123456,
  minping: 0.00249,
  connection_type: 'manual',
  state: 'handshake-complete',
}
const data: NetinfoData = {
  network: {
    version: 'v1.0.0',
    subversion: '/Dilithion:1.0.0/',
    protocolversion: 70001,
    network: 'testnet',
    listenport: 18444,
    maxconnections: 125,
  },
  peers: [outbound, inbound],
  totals: { totalbytesrecv: 45_678_925, totalbytessent: 1_234, timemillis: NOW * 1_000 },
  uptime: 7_400,
  now: NOW,
}

describe('units', () => {
  it('keep numbers short', () => {
    const bytes = [0, 999, 1_000, 1_234, 9_994, 9_999, 45_678, 999_499, 999_600, 45_678_901, 1e12, 1e18]
    expect(bytes.map(formatBytes)).toEqual([
      '0 B',
      '999 B',
      '1.00 kB',
      '1.23 kB',
      '9.99 kB',
      '10.0 kB',
      '45.7 kB',
      '999 kB',
      '1.00 MB',
      '45.7 MB',
      '1.00 TB',
      '1000 PB',
    ])
    expect([-5, 0, 59.9, 60, 3_599, 3_600, 86_399, 86_400, 8_640_000].map(formatAge)).toEqual([
      '0s',
      '0s',
      '59s',
      '1m',
      '59m',
      '1h',
      '23h',
      '1d',
      '100d',
    ])
  })
})

describe('the table', () => {
  it('shows the node, its peers and the sums', () => {
    expect(renderNetinfo(data, { color: false })).toEqual([
      'Dilithion node v1.0.0 /Dilithion:1.0.0/ - testnet, protocol 70001, port 18444, up 2h',
      '',
      'dir  type     id  mping  ping  send  recv     sent  received  uptime  height  version  address             subver',
      'in   inbound  12      -     -     -     1      0 B      24 B      3s       -        -  127.0.0.1:50012     (connected)',
      'out  manual    3    2.5   123     0     1  1.23 kB   45.7 MB      2h    4321    70001  node.example:18444  /Dilithion:0.9.0/',
      '',
      '              in   out total',
      'connected      1     1     2 of 125',
      'complete       0     1     1',
      'traffic   received 45.7 MB, sent 1.23 kB',
    ])
  })

  it('does without what a node does not tell', () => {
    const network = { version: 'v4', subversion: '/D/', protocolversion: 1 }
    const bare = {
      network,
      peers: [{ ...outbound, state: '' }],
      totals: undefined,
      uptime: undefined,
      now: NOW,
    }
    const lines = renderNetinfo(bare, { color: false })
    expect(lines[0]).toBe('Dilithion node v4 /D/ - protocol 1')
    expect(lines[3]).toMatch(/4321 {4}70001 {2}node\.example:18444 {2}\/Dilithion:0\.9\.0\/$/)
    expect(lines.at(-1)).toBe('complete       0     1     1')
    expect(renderNetinfo({ ...bare, peers: [] }, { color: false })).toHaveLength(7)
  })

  it('keeps to the screen', () => {
    const peers = Array.from({ length: 50 }, (_, i) => ({ ...outbound, id: i }))
    const lines = renderNetinfo({ ...data, peers }, { columns: 60, rows: 20, color: false })
    expect(lines).toHaveLength(20)
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(60)
    expect(lines[14]).toBe('... and 39 more')
    expect(lines.at(-1)).toMatch(/^traffic/)
    for (const rows of [0, 1, 3, 9]) {
      expect(renderNetinfo({ ...data, peers }, { columns: 5, rows, color: false })).toHaveLength(rows)
    }
  })

  it('is coloured only when asked to be, and never by peers', () => {
    const peers = [{ ...outbound, addr: '\x1b[31mx', subver: 'a\nb', connection_type: '\x1b', state: '' }]
    const dark = renderNetinfo({ ...data, peers }, { color: false, notice: 'gone\x07' }).join('|')
    for (const control of ['\x1b', '\n', '\x07']) expect(dark).not.toContain(control)
    const [notice, title] = renderNetinfo(data, { color: true, notice: 'gone', columns: 10 })
    expect(notice).toBe('\x1b[31mgone\x1b[0m')
    expect(title).toBe('\x1b[1mDilithion \x1b[0m')
  })
})

describe('the data', () => {
  const network = { version: 'v1', subversion: '/D/', protocolversion: 1 }
  const fetch = (...results: unknown[]) => fetchNetinfo({ batch: async () => results }, () => 5_000)

  it('may lack what other nodes do not tell', async () => {
    const missing = new RpcError(-32601, 'Method not found')
    const peers = [{ id: 1, addr: 'a', inbound: false, unheard: 1 }]
    const fetched = await fetch(network, peers, missing, missing)
    expect(fetched).toMatchObject({ network, totals: undefined, uptime: undefined, now: 5 })
    expect(fetched.peers).toMatchObject([{ id: 1, bytes_sent: 0, subver: '', state: '' }])
    const totals = { totalbytesrecv: 1, totalbytessent: 2, timemillis: 9_000 }
    expect(await fetch(network, [], totals, 77)).toMatchObject({ totals, uptime: 77, now: 9 })
  })

  it('must have the rest', async () => {
    const refused = new RpcError(-32603, 'no')
    await expect(fetch(network, refused, null, null)).rejects.toBe(refused)
    await expect(fetch({}, [], null, null)).rejects.toThrow(UserError)
    await expect(fetch(network, [{ id: 'x' }], null, null)).rejects.toThrow(/getpeerinfo/)
  })
})

/** A screen whose user does what the script says. */
function scripted(script: readonly Wake[]) {
  const drawn: string[][] = []
  const waits: number[] = []
  const rest = [...script]
  const screen = {
    columns: 100,
    rows: 30,
    left: false,
    draw: (lines: readonly string[]) => void drawn.push([...lines]),
    wait: async (ms: number): Promise<Wake> => {
      waits.push(ms)
      const wake = rest.shift() ?? 'left'
      if (wake === 'left') screen.left = true
      return wake
    },
  }
  return { screen, drawn, waits }
}

describe('watching', () => {
  it('draws, waits, asks and draws again until the user leaves', async () => {
    const { screen, drawn, waits } = scripted(['elapsed', 'resized', 'elapsed', 'left'])
    let asked = 0
    const fetch = async () => ({ ...data, uptime: 10 * ++asked })
    await watchNetinfo(data, fetch, screen, { intervalMs: 700, color: false })
    expect(drawn.map(([title]) => title?.match(/up \S+/)?.[0])).toEqual([
      'up 2h',
      'up 10s',
      'up 10s',
      'up 20s',
    ])
    expect(waits).toEqual([700, 700, 700, 700])
  })

  it('says when there is nothing new, and goes on', async () => {
    const { screen, drawn } = scripted(['elapsed', 'elapsed', 'left'])
    let asked = 0
    const fetch = async () => {
      if (++asked === 1) throw new UserError('Could not reach a node')
      return data
    }
    await watchNetinfo(data, fetch, screen, { intervalMs: 1, color: false })
    expect(drawn.map(([first]) => first?.slice(0, 14))).toEqual([
      'Dilithion node',
      'Could not reac',
      'Dilithion node',
    ])
  })

  it('does not draw any more once the user has left while it asked', async () => {
    const { screen, drawn } = scripted(['elapsed'])
    const fetch = async () => {
      screen.left = true
      throw new UserError('closed')
    }
    await watchNetinfo(data, fetch, screen, { intervalMs: 1, color: false })
    expect(drawn).toHaveLength(1)
  })
})

describe('the screen', () => {
  function harness() {
    const calls: string[] = []
    const keyboard = new EventEmitter()
    const stdin = Object.assign(keyboard, {
      isTTY: true,
      setRawMode: (raw: boolean) => calls.push(`raw ${raw}`),
      resume: () => calls.push('resume'),
      pause: () => calls.push('pause'),
    })
    const stdout = Object.assign(new EventEmitter(), {
      columns: 90,
      rows: 30,
      write: (text: string) => calls.push(JSON.stringify(text)),
    })
    let signal = () => {}
    let leaves = 0
    const onSignal = (listener: () => void) => {
      signal = listener
      return () => calls.push('unsignal')
    }
    const screen = openScreen(stdin, stdout, onSignal, () => leaves++)
    return { calls, keyboard, stdout, screen, signal: () => signal(), leaves: () => leaves }
  }

  it('is taken, drawn in one write, and given back as it was', () => {
    const { calls, keyboard, stdout, screen } = harness()
    expect(screen).toMatchObject({ columns: 90, rows: 30 })
    screen.draw(['a', 'b'])
    screen.close()
    expect(calls).toEqual([
      'raw true',
      'resume',
      JSON.stringify('\x1b[?1049h\x1b[?25l'),
      JSON.stringify('\x1b[Ha\x1b[K\r\nb\x1b[K\x1b[J'),
      'raw false',
      'pause',
      JSON.stringify('\x1b[?25h\x1b[?1049l'),
      'unsignal',
    ])
    expect(
      keyboard.listenerCount('data') + keyboard.listenerCount('end') + stdout.listenerCount('resize'),
    ).toBe(0)
  })

  it('is left by q, Ctrl-C, the end of input or a signal, once', async () => {
    for (const leave of [
      ({ keyboard }: ReturnType<typeof harness>) => keyboard.emit('data', Buffer.from('xq')),
      ({ keyboard }: ReturnType<typeof harness>) => keyboard.emit('data', Buffer.from('\x03')),
      ({ keyboard }: ReturnType<typeof harness>) => keyboard.emit('end'),
      ({ signal }: ReturnType<typeof harness>) => signal(),
    ]) {
      const run = harness()
      run.keyboard.emit('data', Buffer.from('xyz'))
      const waiting = run.screen.wait(60_000)
      leave(run)
      leave(run)
      expect(await waiting).toBe('left')
      expect(await run.screen.wait(60_000)).toBe('left')
      expect(run.screen.left).toBe(true)
      expect(run.leaves()).toBe(1)
    }
  })

  it('has a size also on a terminal that does not know it', () => {
    const { stdout, screen } = harness()
    Object.assign(stdout, { columns: 0, rows: 0 })
    expect(screen).toMatchObject({ columns: 80, rows: 24 })
  })

  it('wakes up when the window changes, and when the time is over', async () => {
    const { stdout, screen } = harness()
    const waiting = screen.wait(60_000)
    stdout.emit('resize')
    expect(await waiting).toBe('resized')
    expect(await screen.wait(0)).toBe('elapsed')
  })
})
