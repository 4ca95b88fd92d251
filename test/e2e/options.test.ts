/** The command line, the configuration file and the environment of a real process. */
import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { eventually } from '../../testkit/changes.ts'
import { CLI } from '../../testkit/cli.ts'
import {
  callRpc,
  filesIn,
  freePort,
  LAUNCHER,
  Lab,
  type NodeProcess,
  type StartOptions,
} from '../../testkit/process.ts'
import { TcpPeer } from '../../testkit/tcp-peer.ts'

const lab = new Lab()
afterAll(() => lab.close())

/** Ends with code 1 and this one line, and leaves nothing behind that would hinder the next start. */
async function expectRefusal(options: StartOptions, pattern: RegExp): Promise<NodeProcess> {
  const node = lab.start(options)
  const exit = await node.waitForExit()
  expect(node.errors).toHaveLength(1)
  expect(node.errors[0]).toMatch(pattern)
  expect(node.errors[0]).toMatch(/^dilithion-node: /)
  expect(exit).toMatchObject({ code: 1, signal: null })
  if (existsSync(join(node.dataDir, 'dilithion.conf'))) expect(leftovers(node)).toEqual(['dilithion.conf'])
  else expect(leftovers(node)).toEqual([])
  return node
}

/** The chain stays, however far a start has come. */
function leftovers(node: NodeProcess): string[] {
  return existsSync(node.dataDir) ? filesIn(node.dataDir) : []
}

/** A data directory with a configuration file in it. */
function configured(text: string): string {
  const dataDir = lab.newFolder()
  writeFileSync(join(dataDir, 'dilithion.conf'), text)
  return dataDir
}

describe('output', () => {
  it.skipIf(!existsSync('/dev/full'))('of dilithion-cli that can not be written is a failure', () => {
    const full = openSync('/dev/full', 'w')
    const { status, stderr } = spawnSync(CLI, ['--help'], { stdio: ['ignore', full, 'pipe'] })
    closeSync(full)
    expect(status).toBe(1)
    expect(String(stderr)).toBe("error: can't write the output: no space left on the disk\n")
  })
})

describe('a command line that can not be right', () => {
  it.each([
    ['a misspelt option', ['--conect=127.0.0.1'], /unknown option '--conect' \(Did you mean --connect\?\)/],
    ['an unknown option', ['--frobnicate'], /unknown option '--frobnicate'/],
    ['an argument without dashes', ['testnet'], /'testnet'/],
    ['an option of the C++ node', ['--upnp'], /--upnp .* not support/],
    ['a port that is none', ['--port=http'], /--port: expected a whole number from 0 to 65535, got 'http'/],
    ['two networks', ['--testnet', '--regtest'], /testnet and regtest exclude each other/],
    [
      'an impossible address',
      ['--connect=1.2.3.4.5:1'],
      /--connect: expected an address .*, got '1\.2\.3\.4\.5:1'/,
    ],
    ['a line break in a value', ['--port=1\n2'], /--port: .* got '1 2'/],
  ])('%s', async (_, args, pattern) => {
    await expectRefusal({ args }, pattern)
  })
})

describe('what is taken already, or can not be had', () => {
  it('names a port for peers that is in use', async () => {
    const { port } = await lab.startListening({ args: ['--regtest'] })
    const args = ['--regtest', `--port=${port}`, '--rpcport=0']
    const why = new RegExp(
      `can't listen on P2P port ${port}: it is in use, perhaps by another node\\. .*--port=N`,
    )
    const node = await expectRefusal({ args, ownPorts: true }, why)
    // Nothing hinders a second attempt in the same directory.
    const again = lab.start({ args: ['--regtest'], dataDir: node.dataDir, home: node.home })
    await again.p2pPort()
    expect((await again.stop()).code).toBe(0)
  })

  it('names a port for RPC that is in use', async () => {
    const first = lab.start({ args: ['--regtest'] })
    const port = await first.rpcPort()
    const args = ['--regtest', '--port=0', `--rpcport=${port}`]
    await expectRefusal({ args, ownPorts: true }, new RegExp(`RPC port ${port}: it is in use.*--rpcport=N`))
  })

  it('names an address that this machine has not', async () => {
    await expectRefusal({ args: ['--bind=192.0.2.1'] }, /this machine has no such address\. .*--bind=ADDR/)
  })

  it('names a data directory that is a file, or lies below one', async () => {
    const file = join(lab.newFolder(), 'file')
    writeFileSync(file, '')
    for (const dataDir of [file, join(file, 'below')]) {
      const node = lab.start({ dataDir })
      expect((await node.waitForExit()).code).toBe(1)
      expect(node.errors).toHaveLength(1)
      expect(node.errors[0]).toMatch(
        /can't use data directory .*: (there is a file of that name|part of the path)/,
      )
    }
  })

  it('asks a user without a home for a data directory', async () => {
    const node = lab.start({ dataDir: undefined, env: { HOME: '' } })
    expect((await node.waitForExit()).code).toBe(1)
    expect(node.errors).toEqual([
      expect.stringMatching(/^dilithion-node: no home directory .*--datadir=DIR$/),
    ])
    expect(readdirSync(node.home)).toEqual([])
  })

  it('names a data directory that nobody can create', async () => {
    const node = lab.start({ dataDir: '/proc/no/such/folder' })
    expect((await node.waitForExit()).code).toBe(1)
    expect(node.errors).toHaveLength(1)
    expect(node.errors[0]).toMatch(/can't use data directory .*--datadir=DIR/)
  })

  it.each([
    ['.lock', /can't lock data directory .*: it is a directory/],
    ['.cookie', /can't write the cookie file .*: it is a directory/],
    ['dilithion.conf', /can't read .*dilithion\.conf: it is a directory/],
    ['banlist.json', /can't read .*banlist\.json: it is a directory/],
  ])('says so if %s is a folder', async (name, pattern) => {
    const dataDir = lab.newFolder()
    mkdirSync(join(dataDir, name))
    const node = lab.start({ dataDir })
    expect((await node.waitForExit()).code).toBe(1)
    expect(node.errors).toHaveLength(1)
    expect(node.errors[0]).toMatch(pattern)
    expect(filesIn(dataDir)).toEqual([name])
  })
})

describe('help and version', () => {
  it.each(['--help', '-h'])('%s lists the options', async (option) => {
    const node = lab.start({ args: [option] })
    expect(await node.waitForExit()).toMatchObject({ code: 0 })
    const text = node.log.join('\n')
    for (const name of ['--testnet', '--connect=ADDR', '--max-connections-per-ip=N', '--log-json']) {
      expect(text).toContain(name)
    }
    expect(node.errors).toEqual([])
    expect(existsSync(node.dataDir)).toBe(false)
  })

  it.each(['--version', '-version'])('%s tells the version', async (option) => {
    const node = lab.start({ args: [option] })
    expect(await node.waitForExit()).toMatchObject({ code: 0 })
    expect(node.log).toEqual([expect.stringMatching(/^Dilithion node v\d+\.\d+\.\d+$/)])
  })

  it('shows no stack trace if nobody reads the help', async () => {
    const home = lab.newFolder()
    const options = { home, dataDir: home }
    const node = lab.spawn('/bin/sh', ['-c', `"${LAUNCHER}" --help | true`], options)
    await node.waitForExit()
    expect(node.errors).toEqual([])
  })
})

describe('options that work', () => {
  it.each([
    [[], 'mainnet', '.dilithion'],
    [['--testnet'], 'testnet', '.dilithion-testnet'],
    [['-regtest'], 'regtest', '.dilithion-regtest'],
    [['--testnet', '--testnet=0'], 'mainnet', '.dilithion'],
    [['--testnet', 'true'], 'testnet', '.dilithion-testnet'],
  ])('%j joins %s in %s', async (args, network, folder) => {
    const node = lab.start({ args, dataDir: undefined })
    const where = join(node.home, folder)
    await node.waitForLine(`[Node] Dilithion node v1.0.0, ${network}, data in ${where}`)
    await node.p2pPort()
    expect(filesIn(where)).toEqual(['.cookie', '.lock'])
    expect((await node.stop()).code).toBe(0)
    expect(filesIn(where)).toEqual([])
  })

  it('takes values behind a space, and values that begin with a dash', async () => {
    const args = ['--regtest', '-rpcuser', '-me', '--rpcpassword', '--secret=x', '-maxconnections', '7']
    const node = lab.start({ args })
    const info = await callRpc(await node.rpcPort(), '-me:--secret=x', 'getnetworkinfo', [])
    expect(info).toMatchObject({ maxconnections: 7 })
    expect(existsSync(join(node.dataDir, '.cookie'))).toBe(false)
    await expect(callRpc(await node.rpcPort(), '-me:secret', 'uptime', [])).rejects.toThrow(/authentication/)
  })

  it('listens where --port and --rpcport say', async () => {
    const [p2p, rpc] = [await freePort(), await freePort()]
    const node = lab.start({ args: ['--regtest', `--port=${p2p}`, `--rpcport=${rpc}`], ownPorts: true })
    await node.waitForLine(`[P2P] Listening on port ${p2p}`)
    await node.waitForLine(`[RPC] Listening on 127.0.0.1:${rpc}`)
  })

  it('does without options that the C++ node needs for this', async () => {
    const { node } = await lab.startListening({ args: ['--regtest', '--relay-only', '--no-upnp'] })
    expect(node.errors).toEqual([])
  })

  it('says every message with --debug=net, and no more than handshake and keepalive without', async () => {
    const debug = await lab.startListening({ args: ['--regtest', '--debug=net'] })
    const plain = await lab.startListening({ args: ['--regtest'] })
    for (const { node, port } of [debug, plain]) {
      const peer = lab.atEnd(await TcpPeer.join({ port }))
      peer.sendFrame('mystery', new Uint8Array(3))
      await peer.ping()
      await node.waitForLine(/^\[P2P\] Handshake complete with peer 1$/)
    }
    const details = [/Sent 'getaddr' to peer 1/, /Received 'ping' from peer 1/, /Passed over 'mystery'/]
    for (const detail of details) {
      await debug.node.waitForLine(detail)
      expect(plain.node.count(detail)).toBe(0)
    }
  })

  it('names callers of RPC with --debug=rpc', async () => {
    const { node } = await lab.startListening({ args: ['--regtest', '--debug=rpc'] })
    await expect(callRpc(await node.rpcPort(), 'who:knows', 'uptime', [])).rejects.toThrow()
    await node.waitForLine(/^\[RPC\] .*wrong user or password from 127\.0\.0\.1/)
  })

  it('writes no colours into a pipe, with and without --no-color', async () => {
    for (const args of [['--regtest'], ['--regtest', '--no-color'], ['--regtest', '--no-color=0']]) {
      const { node } = await lab.startListening({ args, env: { TERM: 'xterm-256color' } })
      expect(node.log.join('\n')).not.toContain('\u001b')
    }
  })

  it('writes one JSON object per line with --log-json', async () => {
    const dataDir = configured('upnp=1\n')
    const args = ['--regtest', '--log-json', '--debug=all', '--connect=127.0.0.1:1']
    const node = lab.start({ args, dataDir })
    const agent = '/caf\u00e9\u009b31m\n/'
    const peer = lab.atEnd(await TcpPeer.connect({ port: await node.p2pPort() }))
    await peer.shakeHands({ userAgent: agent })
    peer.sendFrame('ping', new Uint8Array(3))
    await node.waitForLine(/"event":"offence"/)
    await node.waitForLine(/"event":"dialFailed"/)
    expect((await node.stop()).code).toBe(0)

    const records = node.log.map((line) => JSON.parse(line) as Record<string, unknown>)
    for (const record of records) {
      expect(record).toMatchObject({
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        level: expect.stringMatching(/^(error|warn|info|debug)$/),
        category: expect.stringMatching(/^(Node|RPC|P2P)$/),
        event: expect.stringMatching(/^\w+$/),
        text: expect.stringMatching(/./),
      })
    }
    for (const line of node.log) expect(line).toMatch(/^[\x20-\x7e]*$/)
    const event = (name: string) => records.find((record) => record['event'] === name)
    expect(event('warning')).toMatchObject({ level: 'warn', text: expect.stringMatching(/'upnp'/) })
    expect(event('versionReceived')).toMatchObject({
      peer: 1,
      version: { userAgent: agent, seesUsAs: { ip: '0.0.0.0', port: 0 } },
    })
    expect(event('disconnected')).toMatchObject({ peer: 1, reason: 'shutdown', wasReady: true })
    expect(records.at(-1)).toMatchObject({ event: 'stopped' })
  })
})

describe('dilithion.conf and the environment', () => {
  it('takes every option from the file, in any case, with comments around', async () => {
    const lines = [
      '# a comment',
      '; another',
      '[section]',
      'REGTEST=1',
      ' MaxConnections = 9 ',
      'listen=0',
      'rpcuser="a b"',
      'rpcpassword=p#=',
      'debug=net',
      'debug=rpc',
      'no-color',
    ]
    const node = lab.start({ dataDir: configured(lines.join('\r\n')) })
    await node.waitForLine('[P2P] Not listening')
    const info = await callRpc(await node.rpcPort(), 'a b:p#=', 'getnetworkinfo', [])
    expect(info).toMatchObject({ network: 'regtest', maxconnections: 9, listening: false })
  })

  it('lets the command line win over the environment, and that over the file', async () => {
    const limitOf = async (options: StartOptions): Promise<unknown> => {
      const { node } = await lab.startListening({
        ...options,
        dataDir: configured('regtest=1\nmaxconnections=10'),
      })
      return node.rpc('getnetworkinfo')
    }
    const env = { DILITHION_MAXCONNECTIONS: '20' }
    const args = ['--maxconnections=30']
    expect(await limitOf({})).toMatchObject({ network: 'regtest', maxconnections: 10 })
    expect(await limitOf({ env })).toMatchObject({ maxconnections: 20 })
    expect(await limitOf({ env, args })).toMatchObject({ maxconnections: 30 })
    expect(await limitOf({ env: { DILITHION_REGTEST: '0' } })).toMatchObject({ network: 'mainnet' })
  })

  it('takes lists from the environment, and the directory', async () => {
    const dataDir = lab.newFolder()
    const env = {
      DILITHION_DATADIR: dataDir,
      DILITHION_REGTEST: '1',
      DILITHION_ADDNODE: '127.0.0.1:1, [::1]:2',
      DILITHION_LOG_JSON: '',
    }
    const node = lab.start({ dataDir: undefined, env })
    await node.p2pPort()
    expect(existsSync(join(dataDir, '.lock'))).toBe(true)
    await eventually(() => (node.count(/Connecting to /) >= 2 ? true : undefined), 'two dials')
    expect(node.log).toContain('[P2P] Connecting to [::1]:2...')
  })

  it.each([
    ['an unknown key', 'regtest=1\nconect=127.0.0.1\n', /unknown key 'conect' in .*dilithion\.conf/],
    ['a value that can not be', 'port=abc\n', /'port' in .*dilithion\.conf: expected a whole number/],
    ['two networks', 'regtest=1\ntestnet=1\n', /testnet and regtest exclude each other/],
  ])('refuses %s in the file', async (_, text, pattern) => {
    await expectRefusal({ dataDir: configured(text), args: [], ownPorts: true }, pattern)
  })

  it('refuses a bad value in the environment by its name', async () => {
    await expectRefusal({ env: { DILITHION_MAXCONNECTIONS: 'many' } }, /DILITHION_MAXCONNECTIONS: expected/)
  })

  it('warns of keys of the C++ node that mean nothing here', async () => {
    const { node } = await lab.startListening({ dataDir: configured('upnp=1\ndatadir=x\n') })
    await node.waitForLine(/^\[Node\] warning: 'upnp' in .* is not supported by this node: ignored$/)
    await node.waitForLine(/^\[Node\] warning: 'datadir' in .* has no effect/)
  })
})
