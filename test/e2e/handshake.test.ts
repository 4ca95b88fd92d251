/** Handshakes of a real node with every kind of peer there is, in both directions, and those that must fail. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { mainnet, regtest, testnet } from '../../src/params/networks.ts'
import { encodePayload } from '../../src/wire/messages.ts'
import type { VersionMessage } from '../../src/wire/version.ts'
import { Lab, type NodeProcess } from '../../testkit/process.ts'
import { PeerListener, TcpPeer, versionMessage } from '../../testkit/tcp-peer.ts'

const lab = new Lab()
afterAll(() => lab.close())

interface Running {
  readonly node: NodeProcess
  readonly port: number
}

/** What getpeerinfo says of a peer. */
async function infoOf(node: NodeProcess, peer: TcpPeer): Promise<Record<string, unknown> | undefined> {
  const rows = (await node.rpc('getpeerinfo')) as Record<string, unknown>[]
  return rows.find((row) => row['addr'] === `127.0.0.1:${peer.localPort}`)
}

describe('on the networks of today', () => {
  let main: Running
  let reg: Running

  beforeAll(async () => {
    main = await lab.startListening({ args: ['--debug=net'] })
    reg = await lab.startListening({ args: ['--regtest', '--debug=net'] })
  })

  const connect = async (port: number, network = mainnet): Promise<TcpPeer> =>
    lab.atEnd(await TcpPeer.connect({ port, network }))

  it('lets the dialler speak first, and tells it what a node of this network tells', async () => {
    const peer = await connect(main.port)
    await main.node.waitForLine(new RegExp(`accepted: 127\\.0\\.0\\.1:${peer.localPort}$`))
    await main.node.rpc('uptime')
    expect(peer.bytesReceived).toBe(0)
    const version = await peer.shakeHands()
    expect(version).toMatchObject({
      layout: 'current',
      version: 70_011,
      services: 1n,
      userAgent: '/Dilithion:1.0.0/',
      startHeight: 0,
      relay: true,
      receiver: { port: peer.localPort, services: 1n },
    })
    expect(version.nonce).not.toBe(0n)
    expect(version.layout === 'current' && version.genesisHash).toEqual(mainnet.genesisHash)
    expect(Math.abs(Number(version.time) - Date.now() / 1_000)).toBeLessThan(10)
    await peer.ping()
    expect(peer.types.slice(0, 2)).toEqual(['version', 'verack'])
    expect(peer.types).toEqual(expect.arrayContaining(['getaddr', 'sendheaders', 'sendcmpct', 'ping']))
  })

  it.each<[string, Partial<VersionMessage>]>([
    ['that of today', {}],
    ['that of today, with a long name', { userAgent: `/${'x'.repeat(254)}/` }],
    ['that of today, without a name', { userAgent: '' }],
    ['that with addresses but without genesis', { layout: 'addressed' }],
    ['that without addresses', { layout: 'v1', version: 70_011 }],
    ['the oldest number that is allowed', { version: 70_005 }],
    ['a number from the future', { version: 0x7fff_ffff }],
    ['a clock that is wrong', { time: -(2n ** 63n) }],
    ['no nonce', { nonce: 0n }],
    ['an impossible height', { startHeight: -0x8000_0000 }],
  ])('takes %s as version', async (_, own) => {
    const peer = await connect(main.port)
    await peer.shakeHands(own)
    await peer.ping()
    const { version = mainnet.protocolVersion, userAgent = '/Test:1.0/' } = own
    expect(await infoOf(main.node, peer)).toMatchObject({
      version,
      subver: userAgent,
      state: 'handshake-complete',
    })
  })

  it.each<[string, Partial<VersionMessage>, object, RegExp]>([
    [
      'is on another chain',
      { genesisHash: testnet.genesisHash },
      { command: 'version', code: 0x10, reason: 'genesis block mismatch' },
      /the peer is on another chain$/,
    ],
    [
      'is too old',
      { version: 70_004 },
      { command: 'version', code: 0x11, reason: 'protocol version must be 70005 or greater' },
      /the peer speaks a protocol version that is too old$/,
    ],
    [
      'is of the first release',
      { layout: 'v1', version: 70_001, nonce: 0n },
      { command: 'version', code: 0x11 },
      /the peer speaks a protocol version that is too old$/,
    ],
  ])('tells a dialler that %s why, then closes', async (_, own, reject, why) => {
    const from = main.node.log.length
    const peer = await connect(main.port)
    peer.send(versionMessage(mainnet, own), { type: 'verack' }, { type: 'ping', nonce: 1n })
    expect(await peer.next('reject')).toMatchObject(reject)
    expect(await peer.waitForEnd()).toEqual({ error: undefined })
    expect(peer.types).toEqual(['reject'])
    await main.node.waitForLine(why, from)
  })

  it('ignores what comes before the handshake, at no cost', async () => {
    const peer = await connect(reg.port, regtest)
    peer.send({ type: 'ping', nonce: 5n }, { type: 'getaddr' }, { type: 'mempool' }, { type: 'verack' })
    peer.sendFrame('mystery', new Uint8Array(100))
    await peer.shakeHands()
    await peer.ping()
    expect(peer.types.slice(0, 2)).toEqual(['version', 'verack'])
    expect(peer.messages).not.toContainEqual({ type: 'pong', nonce: 5n })
    expect(await infoOf(reg.node, peer)).toMatchObject({ misbehavior: 0 })
  })

  it('acknowledges a second version and otherwise forgets it', async () => {
    const peer = await connect(reg.port, regtest)
    await peer.shakeHands({ userAgent: '/first/', startHeight: 1 })
    peer.send(versionMessage(regtest, { userAgent: '/second/', startHeight: 2 }))
    await peer.next('verack')
    peer.send(versionMessage(regtest, { version: 1, genesisHash: new Uint8Array(32) }))
    await peer.next('verack')
    await peer.ping()
    expect(peer.types.filter((type) => type === 'version')).toHaveLength(1)
    const expected = { subver: '/first/', startingheight: 1, misbehavior: 0, state: 'handshake-complete' }
    expect(await infoOf(reg.node, peer)).toMatchObject(expected)
  })

  it('copes with a dialler that says version twice at once', async () => {
    const peer = await connect(reg.port, regtest)
    const version = versionMessage(regtest)
    peer.send(version, version)
    await peer.next('version')
    peer.send({ type: 'verack' })
    await peer.next('verack')
    await peer.next('verack')
    await peer.ping()
  })

  it('answers what other nodes say right after the handshake', async () => {
    const peer = await connect(reg.port, regtest)
    await peer.shakeHands()
    const locator = { type: 'getheaders', locator: [regtest.genesisHash], stop: new Uint8Array(32) } as const
    peer.send(
      { type: 'getaddr' },
      { type: 'sendheaders' },
      { type: 'sendcmpct', announce: true, version: 1n },
      locator,
    )
    expect((await peer.next('headers')).headers.length).toBe(0)
    await peer.ping()
    expect(await infoOf(reg.node, peer)).toMatchObject({ misbehavior: 0 })
  })

  it('shows nothing of a name that could move a cursor', async () => {
    const from = reg.node.log.length
    const peer = await connect(reg.port, regtest)
    await peer.shakeHands({ userAgent: '/\u001b]0;x\u0007\u009b2J\r\n[P2P] Handshake complete/' })
    await peer.ping()
    const { index } = await reg.node.waitForLine(/^ {2}User Agent: /, from)
    expect(reg.node.log[index]).toMatch(/^[\x20-\x7e]+$/)
    expect(reg.node.log[index + 1]).toBe('  Start Height: 0')
  })

  it('takes a name that is too long for malformed, and stays open for a right one', async () => {
    const peer = await connect(reg.port, regtest)
    const version = Buffer.from(encodePayload(versionMessage(regtest, { userAgent: '' })))
    const name = Buffer.concat([Buffer.from([0xfd, 257 & 0xff, 257 >> 8]), Buffer.alloc(257, 'x')])
    peer.sendFrame('version', Buffer.concat([version.subarray(0, 80), name, version.subarray(81)]))
    await peer.shakeHands()
    expect(await infoOf(reg.node, peer)).toMatchObject({ misbehavior: 10, subver: '/Test:1.0/' })
  })

  it('shakes hands as dialler with a listener that speaks when spoken to', async () => {
    const listener = lab.atEnd(await PeerListener.open())
    const { node } = await lab.startListening({ args: ['--regtest', `--connect=${listener.address}`] })
    const peer = await listener.accept()
    const version = await peer.next('version')
    expect(peer.types).toEqual(['version'])
    expect(version).toMatchObject({ receiver: { port: listener.port } })
    // In the order in which nodes of today answer.
    peer.send(versionMessage(regtest), { type: 'verack' })
    await peer.next('verack')
    peer.send(
      { type: 'getaddr' },
      { type: 'sendheaders' },
      { type: 'sendcmpct', announce: true, version: 1n },
    )
    await peer.ping()
    await node.waitForLine('[P2P] Handshake complete with peer 1')
    // Asking for addresses is for those who dialled.
    expect(peer.types).not.toContain('addr')
  })

  it('tells as dialler why it goes away, and comes again later', async () => {
    const listener = lab.atEnd(await PeerListener.open())
    const { node } = await lab.startListening({ args: ['--regtest', `--connect=${listener.address}`] })
    const peer = await listener.accept()
    await peer.next('version')
    peer.send(versionMessage(regtest, { version: 70_004 }))
    expect(await peer.next('reject')).toMatchObject({ code: 0x11 })
    await peer.waitForEnd()
    await node.rpc('setmocktime', Math.floor(Date.now() / 1_000) + 700)
    await (await listener.accept()).answerHandshake()
    await node.waitForLine('[P2P] Handshake complete with peer 2')
  })

  it('logs what a peer has against us, in letters that do no harm', async () => {
    const peer = await connect(reg.port, regtest)
    await peer.shakeHands()
    peer.send({ type: 'reject', command: 'ver\u001b', code: 0x10, reason: 'no\nway' })
    await reg.node.waitForLine(/^\[P2P\] Peer \d+ rejected our 'ver\?': no\?way \(invalid 0x10\)$/)
  })
})

describe('on the testnet of the first release', () => {
  let old: Running
  beforeAll(async () => {
    old = await lab.startListening({ args: ['--testnet'] })
  })

  const connect = async (): Promise<TcpPeer> =>
    lab.atEnd(await TcpPeer.connect({ port: old.port, network: testnet }))

  it('shakes hands with a dialler of the first release, which hears nothing that it does not know', async () => {
    const peer = await connect()
    const version = await peer.shakeHands()
    expect(version).toMatchObject({
      layout: 'v1',
      version: 70_001,
      userAgent: '/Dilithion:1.0.0/',
      startHeight: 0,
    })
    await peer.ping()
    await peer.next('ping')
    expect(new Set(peer.types)).toEqual(new Set(['version', 'verack', 'ping', 'pong']))
  })

  it.each<[string, Partial<VersionMessage>]>([
    ['with addresses', { layout: 'addressed' }],
    ['with the genesis block of this network', { layout: 'current', version: 70_011, nonce: 7n }],
    ['with a nonce', { nonce: 9n }],
  ])('takes a version %s', async (_, own) => {
    const peer = await connect()
    await peer.shakeHands(own)
    await peer.ping()
  })

  it('refuses the later network of the same name and magic', async () => {
    const peer = await connect()
    peer.send(
      versionMessage(testnet, { layout: 'current', version: 70_011, genesisHash: new Uint8Array(32) }),
    )
    expect(await peer.next('reject')).toMatchObject({ code: 0x10 })
    await peer.waitForEnd()
  })

  it('shakes hands with a listener of the first release, which speaks at once, and keeps it awake', async () => {
    const listener = lab.atEnd(await PeerListener.open({ network: testnet }))
    const { node } = await lab.startListening({ args: ['--testnet', `--connect=${listener.address}`] })
    const peer = await listener.accept()
    await peer.shakeHands()
    await node.waitForLine('[P2P] Handshake complete with peer 1')
    const startedAt = performance.now()
    for (let i = 0; i < 2; i++) await peer.next('ping')
    // Every two seconds instead of every thirty, and only the first one is news.
    expect(performance.now() - startedAt).toBeLessThan(20_000)
    await peer.ping()
    expect(new Set(peer.types)).toEqual(new Set(['version', 'verack', 'ping', 'pong']))
    expect(node.count(/Sent 'ping' to peer 1/)).toBe(1)
  })
})
