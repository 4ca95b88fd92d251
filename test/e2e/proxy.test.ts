/** The built program behind a SOCKS5 proxy: everything goes through it, and nothing past it. */
import { connect, createServer } from 'node:net'
import { afterAll, describe, expect, it } from 'vitest'
import { freePort, Lab } from '../../testkit/process.ts'
import { SocksServer } from '../../testkit/socks-server.ts'
import { PeerListener, TcpPeer } from '../../testkit/tcp-peer.ts'

const lab = new Lab()
afterAll(() => lab.close())

/** A proxy whose tunnels all lead to one peer, wherever they claim to. */
async function proxied() {
  const target = lab.atEnd(await PeerListener.open())
  const proxy = lab.atEnd(await SocksServer.open({ upstreamPort: target.port }))
  return { target, proxy, option: `--proxy=127.0.0.1:${proxy.port}` }
}

describe('--proxy', () => {
  it('dials through it, and leaves names to it', async () => {
    const { target, proxy, option } = await proxied()
    // A name that nobody here could look up.
    const node = lab.start({ args: ['--regtest', option, '--addnode=seed.example.onion:7777'] })
    const peer = await target.accept()
    await peer.answerHandshake()
    await node.waitForLine('[P2P] Handshake complete with peer 1')
    await peer.ping()
    expect(proxy.requests).toMatchObject([{ addressType: 3, host: 'seed.example.onion', port: 7_777 }])
    expect(await node.rpc('getpeerinfo')).toMatchObject([
      { addr: 'seed.example.onion:7777', inbound: false, connection_type: 'manual' },
    ])
    expect(node.count(/no such host/)).toBe(0)

    await node.rpc('addnode', '198.51.100.7:8444', 'onetry')
    await (await target.accept()).answerHandshake()
    await node.waitForLine('[P2P] Handshake complete with peer 2')
    expect(proxy.requests[1]).toMatchObject({ addressType: 1, host: '198.51.100.7', port: 8_444 })
    // Each with a login of its own, by which the proxy keeps them apart.
    expect(new Set(proxy.requests.map(({ login }) => login)).size).toBe(2)
    expect(target.count).toBe(2)
    expect((await node.stop()).code).toBe(0)
    await proxy.idle()
  })

  it('finds peers through it too: what is chosen is dialled nowhere else', async () => {
    const { target, proxy, option } = await proxied()
    const args = ['--regtest', option, '--seednode=seed.example.onion:7777']
    const node = lab.start({ args, env: { DILITHION_CONNECT: '' } })
    await (await target.accept()).answerHandshake()
    await node.waitForLine('[P2P] Handshake complete with peer 1')
    await node.rpc('addpeeraddress', '127.6.6.6', 8_444)
    await (await target.accept()).answerHandshake()
    await node.waitForLine('[P2P] Handshake complete with peer 2')
    expect(proxy.requests).toMatchObject([
      { addressType: 3, host: 'seed.example.onion', port: 7_777 },
      { addressType: 1, host: '127.6.6.6', port: 8_444 },
    ])
  })

  it('takes no connections then, unless told to', async () => {
    const { option } = await proxied()
    const port = await freePort()
    const args = ['--regtest', option, `--port=${port}`, '--rpcport=0']
    const hidden = lab.start({ args, ownPorts: true })
    await hidden.waitForLine('[P2P] Not listening')
    await expect(TcpPeer.connect({ port })).rejects.toThrow(/ECONNREFUSED/)
    expect(await hidden.rpc('getnetworkinfo')).toMatchObject({ listening: false, localaddresses: [] })

    const { port: open } = await lab.startListening({ args: ['--regtest', option, '--listen=1'] })
    await lab.atEnd(await TcpPeer.join({ port: open })).ping()
  })

  it('says when nobody is there, and goes on when somebody is', async () => {
    const port = await freePort()
    const args = ['--regtest', `--proxy=127.0.0.1:${port}`, '--addnode=198.51.100.7:8444']
    const node = lab.start({ args })
    const failed = `Could not connect to 198.51.100.7:8444: proxy 127.0.0.1:${port}: connection refused`
    const { text } = await node.waitForLine(/^\[P2P\] Could not connect to /)
    expect(text).toBe(`[P2P] ${failed}; next attempt in 1 s`)

    const target = lab.atEnd(await PeerListener.open())
    const proxy = lab.atEnd(await SocksServer.open({ upstreamPort: target.port }))
    // The proxy comes up where it was looked for: as a door to the one that is there.
    const door = createServer((socket) => {
      const inner = connect(proxy.port, '127.0.0.1')
      for (const each of [socket, inner]) each.on('error', () => each.destroy())
      socket.pipe(inner).pipe(socket)
    })
    lab.atEnd(door).listen(port, '127.0.0.1')
    await (await target.accept()).answerHandshake()
    await node.waitForLine('[P2P] Handshake complete with peer 1')
    expect((await node.stop()).code).toBe(0)
  })

  it.each([
    ['refuses', { reply: 5 }, 'proxy: connection refused'],
    ['forbids', { reply: 2 }, 'proxy: not allowed by its rules'],
  ])('tells what it answers when it %s', async (_, conduct, words) => {
    const proxy = lab.atEnd(await SocksServer.open(conduct))
    const args = ['--regtest', `--proxy=127.0.0.1:${proxy.port}`, '--addnode=198.51.100.7:8444']
    const node = lab.start({ args })
    const { text } = await node.waitForLine(/^\[P2P\] Could not connect to /)
    expect(text).toBe(`[P2P] Could not connect to 198.51.100.7:8444: ${words}; next attempt in 1 s`)
    expect(node.count(/warning/)).toBe(0)
  })
})
