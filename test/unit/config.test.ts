/** What a node is started with: precedence, defaults, checks, and the directory it is kept in. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { type NodeConfig, type RawOptions, resolveConfig } from '../../src/node/config.ts'
import { parseConfigFile } from '../../src/node/config-file.ts'
import { defaultDataDir, ensureDataDir } from '../../src/node/data-dir.ts'
import { acceptedOptions, optionRows, unsupportedOptions } from '../../src/node/options.ts'
import { mainnet, regtest, testnet } from '../../src/params/networks.ts'
import { UserError } from '../../src/primitives/errors.ts'
import { formatIp, type IpBytes, parseIp } from '../../src/primitives/ip.ts'
import { encodeAddress } from '../../src/script/address.ts'
import { p2pkhScript } from '../../src/script/templates.ts'

const folder = mkdtempSync(join(tmpdir(), 'dilithion-config-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let folders = 0
function newFolder(): string {
  const path = join(folder, String(++folders))
  mkdirSync(path)
  return path
}

type Options = Partial<Record<(typeof optionRows)[number]['name'], string | readonly string[]>>

interface Sources {
  readonly line?: Options
  readonly env?: NodeJS.ProcessEnv
  readonly file?: string
}

/** With a data directory of its own, in which `file` stands as dilithion.conf. */
function resolved({ line = {}, env = {}, file }: Sources): Promise<NodeConfig> {
  const datadir = newFolder()
  if (file !== undefined) writeFileSync(join(datadir, 'dilithion.conf'), file)
  return resolveConfig(raw({ datadir, ...line }), env)
}

function raw(options: Options): RawOptions {
  return new Map(
    optionRows.flatMap(({ name }) => {
      const value = options[name]
      return value === undefined ? [] : [[name, typeof value === 'string' ? [value] : value] as const]
    }),
  )
}

async function complaint(sources: Sources): Promise<string> {
  const error: unknown = await resolved(sources).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error instanceof UserError) return error.message
  throw error ?? new Error('taken without complaint')
}

describe('resolveConfig', () => {
  it('has the defaults of the network', async () => {
    const config = await resolved({})
    expect(config).toMatchObject({
      network: mainnet,
      listen: true,
      bind: undefined,
      port: 8444,
      rpcPort: 8332,
      rpcLogin: undefined,
      targets: [],
      exclusive: false,
      limits: { maxConnections: 125, maxInboundPerIp: { limit: 2, scope: 'routable' } },
      wallet: { isOn: true, rescan: false, phrase: undefined, rotatesMiningAddress: false },
      log: { debug: new Set(), isQuiet: false, color: true, json: false },
      warnings: [],
    })
    const test = await resolved({ line: { testnet: '1' } })
    expect(test).toMatchObject({ network: testnet, port: 18_444, rpcPort: 18_332 })
    const reg = await resolved({ line: { regtest: 'true', testnet: 'false' } })
    expect(reg).toMatchObject({ network: regtest, port: 28_444, rpcPort: 28_332 })
  })

  it('gives the command line precedence over the environment, and that over the file', async () => {
    const file = 'port=1\nrpcport=1\nmaxconnections=1\nconnect=a:1\nconnect=b:1'
    const env = { DILITHION_PORT: '2', DILITHION_RPCPORT: '2', DILITHION_CONNECT: ' c:1 , [::1] ' }
    expect(await resolved({ file })).toMatchObject({
      port: 1,
      targets: [
        { host: 'a', port: 1 },
        { host: 'b', port: 1 },
      ],
    })
    const config = await resolved({ file, env, line: { port: '3' } })
    expect(config).toMatchObject({ port: 3, rpcPort: 2, limits: { maxConnections: 1 } })
    expect(config.targets).toEqual([
      { host: 'c', port: 1 },
      { host: '::1', port: 8_444 },
    ])
  })

  it('reads the file where the command line or the environment says', async () => {
    const dataDir = newFolder()
    writeFileSync(join(dataDir, 'dilithion.conf'), 'regtest=1')
    const fromEnv = await resolveConfig(new Map(), { DILITHION_DATADIR: dataDir })
    const fromLine = await resolveConfig(raw({ datadir: dataDir }), {})
    for (const config of [fromEnv, fromLine]) expect(config).toMatchObject({ network: regtest, dataDir })
  })

  it('leaves what is meant for dilithion-cli alone, in the file that both read', async () => {
    const file = 'rpcconnect=127.0.0.1\nrpccookiefile=cookie\nrpcport=5'
    expect(await resolved({ file })).toMatchObject({ rpcPort: 5, warnings: [] })
  })

  it('keeps peers of --connect and --addnode, and knows which excludes others', async () => {
    const both = await resolved({ line: { connect: 'one.example', addnode: ['2.2.2.2:2', '[::2]:3'] } })
    expect(both.exclusive).toBe(true)
    expect(both.targets.map(({ host, port }) => `${host} ${port}`)).toEqual([
      'one.example 8444',
      '2.2.2.2 2',
      '::2 3',
    ])
    expect(await resolved({ line: { connect: '0' } })).toMatchObject({ exclusive: true, targets: [] })
    expect(await resolved({ line: { addnode: 'x' } })).toMatchObject({ exclusive: false })
  })

  it.each([
    ['127.0.0.1', '127.0.0.1', 8_444],
    ['127.0.0.1:5', '127.0.0.1', 5],
    ['::1', '::1', 8_444],
    ['[::1]', '::1', 8_444],
    ['[::1]:5', '::1', 5],
  ])('binds to %s', async (bind, host, port) => {
    expect(await resolved({ line: { bind } })).toMatchObject({ bind: host, port })
    expect(await resolved({ line: { bind, port: '0' } })).toMatchObject({ bind: host, port: 0 })
  })

  it('counts every address once a limit per address is given', async () => {
    const config = await resolved({ line: { 'max-connections-per-ip': '7' } })
    expect(config.limits.maxInboundPerIp).toEqual({ limit: 7, scope: 'all' })
  })

  it.each([
    ['net', ['net']],
    ['p2p,rpc', ['net', 'rpc']],
    ['all', ['net', 'rpc']],
    ['1', ['net', 'rpc']],
    ['0', []],
    ['none', []],
  ])('takes --debug=%s', async (debug, categories) => {
    expect([...(await resolved({ line: { debug } })).log.debug]).toEqual(categories)
  })

  it('takes --verbose for all details, and --quiet for none', async () => {
    const verbose = await resolved({ line: { verbose: '1' } })
    expect([...verbose.log.debug]).toEqual(['net', 'rpc'])
    expect((await resolved({ line: { quiet: '1' } })).log).toMatchObject({ isQuiet: true, debug: new Set() })
    for (const line of [{ verbose: '1' }, { debug: 'net' }])
      expect(await complaint({ line: { ...line, quiet: '1' } })).toMatch(/^--quiet leaves out/)
  })

  it('deletes a chain only by the word of the command line', async () => {
    expect((await resolved({})).chain.reset).toBeUndefined()
    expect((await resolved({ line: { 'reset-chain': '1' } })).chain.reset).toEqual({ isAgreed: false })
    const line = { 'reset-chain': '1', yes: '1' }
    expect((await resolved({ line })).chain.reset).toEqual({ isAgreed: true })
    const elsewhere = [{ file: 'reset-chain=1' }, { env: { DILITHION_RESET_CHAIN: '1' }, line: { yes: '1' } }]
    for (const where of elsewhere)
      expect(await complaint(where)).toBe(
        'reset-chain may only be given on the command line: it is meant once',
      )
  })

  it('never repeats the words of a wallet', async () => {
    const words = Array.from({ length: 24 }, () => 'zebra').join(' ')
    const text = await complaint({ line: { 'restore-mnemonic': words } })
    expect(text).toMatch(/^restore-mnemonic: the recovery phrase has a wrong or misplaced word/)
    expect(text).not.toContain('zebra')
  })

  it.each([
    [{ rescan: '1', wallet: '0' }, /need the wallet, which is off$/],
    [{ 'rotate-mining-address': '1', 'relay-only': '1' }, /need the wallet, which is off$/],
    [{ 'rotate-mining-address': '1', 'mining-address': 'D' }, /leave out mining-address$/],
  ])('sees that %j contradict each other', async (line, pattern) => {
    expect(await complaint({ line })).toMatch(pattern)
  })

  it('says nothing about what this node does anyway', async () => {
    expect((await resolved({ file: 'upnp=0\nfeeestimates=1' })).warnings).toEqual([])
    expect((await resolved({ file: 'upnp=1' })).warnings).toHaveLength(1)
  })

  it('needs an address for rewards where there is no wallet that could be asked', async () => {
    expect((await resolved({ line: { regtest: '1', mine: '1' } })).mining.isOn).toBe(true)
    for (const line of [{ testnet: '1' }, { regtest: '1', wallet: '0' }])
      expect(await complaint({ line: { ...line, mine: '1' } })).toMatch(/^mining needs an address/)
  })

  it('mines only when it is told to, as it is told', async () => {
    expect((await resolved({})).mining).toEqual({
      isOn: false,
      threads: undefined,
      script: undefined,
      intervalMs: undefined,
      fullDatasetWhileMining: true,
    })
    const file = 'mine=1\nthreads=200\nrandomx=light\nmining-interval=0'
    const env = { DILITHION_MINING_ADDRESS: encodeAddress(new Uint8Array(20).fill(7)) }
    expect((await resolved({ file, env })).mining).toEqual({
      isOn: true,
      threads: 200,
      script: p2pkhScript(new Uint8Array(20).fill(7)),
      intervalMs: 0,
      fullDatasetWhileMining: false,
    })
    expect((await resolved({ file, env, line: { threads: 'auto', mine: '0' } })).mining).toMatchObject({
      isOn: false,
      threads: undefined,
    })
  })

  it.each<[Options, string]>([
    [{ port: '65536' }, "--port: expected a whole number from 0 to 65535, got '65536'"],
    [{ port: '-1' }, "--port: expected a whole number from 0 to 65535, got '-1'"],
    [{ port: '1.5' }, "--port: expected a whole number from 0 to 65535, got '1.5'"],
    [{ port: '' }, "--port: expected a whole number from 0 to 65535, got ''"],
    [{ rpcport: '0x10' }, "--rpcport: expected a whole number from 0 to 65535, got '0x10'"],
    [{ maxconnections: '10001' }, "--maxconnections: expected a whole number from 1 to 10000, got '10001'"],
    [
      { 'max-connections-per-ip': '0' },
      "--max-connections-per-ip: expected a whole number from 1 to 64, got '0'",
    ],
    [{ testnet: 'yes' }, "--testnet: expected 0 or 1, got 'yes'"],
    [{ listen: 'no' }, "--listen: expected 0 or 1, got 'no'"],
    [{ bind: 'localhost' }, "--bind: expected an IP address, or an IP address and port, got 'localhost'"],
    [
      { bind: '1.2.3.4:70000' },
      "--bind: expected an IP address, or an IP address and port, got '1.2.3.4:70000'",
    ],
    [{ bind: '' }, "--bind: expected a value, got ''"],
    [{ connect: '' }, "--connect: expected an address such as 1.2.3.4:8444, got ''"],
    [{ connect: '1.2.3.256' }, "--connect: expected an address such as 1.2.3.4:8444, got '1.2.3.256'"],
    [{ connect: '[::g]:5' }, "--connect: expected an address such as 1.2.3.4:8444, got '[::g]:5'"],
    [{ addnode: 'a:0' }, "--addnode: expected an address such as 1.2.3.4:8444, got 'a:0'"],
    [{ addnode: 'a b' }, "--addnode: expected an address such as 1.2.3.4:8444, got 'a b'"],
    [{ debug: 'net,x' }, "--debug: expected one of net, rpc, all, got 'x'"],
    [{ threads: '0' }, "--threads: expected auto, or a whole number from 1 to 256, got '0'"],
    [{ threads: '257' }, "--threads: expected auto, or a whole number from 1 to 256, got '257'"],
    [
      { 'mining-address': 'DNobody' },
      "--mining-address: expected an address that begins with D, got 'DNobody': " +
        'the checksum of the address is wrong: look for a typing error',
    ],
    [{ 'mining-interval': '-1' }, "--mining-interval: expected a whole number from 0 to 86400, got '-1'"],
    [
      { mine: '1', wallet: '0' },
      'mining needs an address that rewards go to: give one with --mining-address=D...',
    ],
    [{ testnet: '1', regtest: '1' }, 'testnet and regtest exclude each other: choose one'],
    [
      { rpcpassword: 'x' },
      'rpcuser and rpcpassword belong together: give both, or neither to use the cookie file',
    ],
  ])('complains about %j', async (line, text) => {
    expect(await complaint({ line })).toBe(text)
  })

  it('says where a wrong value stood', async () => {
    expect(await complaint({ env: { DILITHION_MAX_CONNECTIONS_PER_IP: 'x' } })).toMatch(
      /^DILITHION_MAX_CONNECTIONS_PER_IP: expected .*, got 'x'$/,
    )
    expect(await complaint({ file: 'listen=x' })).toMatch(/^'listen' in .*dilithion\.conf: expected 0 or 1/)
  })

  it('shows nothing of a line in the file that may be a secret', async () => {
    for (const line of ['rpcpassword hunter2', 'rpcpassword: hunter2', 'rpcpassword\thunter2 = x']) {
      const text = await complaint({ file: line })
      expect(text).toMatch(/^expected lines like name=value in .*conf, and there is one .* 'rpcpassword'/)
      expect(text).not.toContain('hunter2')
    }
  })

  it('warns of what means nothing here also in the environment', async () => {
    const env = { DILITHION_RPCWEBSOCKETPORT: '8333', DILITHION_UPNP: '0', DILITHION_PUBLIC_API: '1' }
    const { warnings } = await resolved({ env })
    expect(warnings).toEqual([
      'DILITHION_PUBLIC_API is not supported by this node: ignored',
      'DILITHION_RPCWEBSOCKETPORT is not supported by this node: ignored',
    ])
  })

  it('refuses keys that nobody knows, and warns of those that mean nothing here', async () => {
    expect(await complaint({ file: 'nope=1' })).toMatch(/^unknown key 'nope' in .*dilithion\.conf: /)
    const keys = [...unsupportedOptions].map((key) => `${key}=1`)
    const { warnings } = await resolved({ file: `${keys.join('\n')}\ndatadir=/x` })
    const meaningless = [...unsupportedOptions].filter(
      (key) => acceptedOptions.get(key)?.includes('1') !== true,
    )
    expect(warnings).toHaveLength(meaningless.length + 1)
    for (const key of meaningless) {
      expect(warnings.filter((text) => text.startsWith(`'${key}' in `))).toHaveLength(1)
    }
  })
})

describe('how peers are found', () => {
  const names = ({ automatic }: NodeConfig): string[] =>
    (automatic?.seedNodes ?? []).map(({ host, port }) => `${host} ${port}`)

  it('is the node’s business on the public networks, and nobody’s on a private one', async () => {
    const main = await resolved({})
    expect(main.automatic).toMatchObject({
      outbound: 8,
      blockRelay: 2,
      feelers: true,
      dnsSeeds: mainnet.dnsSeeds,
      seedNodes: [],
    })
    expect(main.automatic?.fixedSeeds).toHaveLength(mainnet.fixedSeeds.length)
    expect(new Set(main.automatic?.fixedSeeds.map(({ port }) => port))).toEqual(new Set([8_444]))
    const test = await resolved({ line: { testnet: '1' } })
    expect(test.automatic?.dnsSeeds).toEqual(testnet.dnsSeeds)
    expect(await resolved({ line: { regtest: '1' } })).toMatchObject({ automatic: undefined })
  })

  it('is not the node’s business with --connect, also of nobody, and is beside --addnode', async () => {
    for (const connect of ['1.2.3.4', '0'])
      expect((await resolved({ line: { connect, seednode: '5.6.7.8' } })).automatic).toBeUndefined()
    expect((await resolved({ line: { addnode: '1.2.3.4' } })).automatic).toBeDefined()
  })

  it('takes --seednode from line, environment and file, also on a private network', async () => {
    const line = { seednode: ['a.example', '1.2.3.4:5', '[2a00::1]:6'] }
    expect(names(await resolved({ line }))).toEqual(['a.example 8444', '1.2.3.4 5', '2a00::1 6'])
    expect(names(await resolved({ env: { DILITHION_SEEDNODE: 'a:1, b' } }))).toEqual(['a 1', 'b 8444'])
    expect(names(await resolved({ file: 'regtest=1\nseednode=a\nseednode=b:2' }))).toEqual(['a 28444', 'b 2'])
  })

  it('asks no names with --dnsseed=0', async () => {
    for (const sources of [
      { line: { dnsseed: '0' } },
      { env: { DILITHION_DNSSEED: 'false' } },
      { file: 'dnsseed=0' },
    ]) {
      const { automatic } = await resolved(sources)
      expect(automatic?.dnsSeeds).toEqual([])
      expect(automatic?.fixedSeeds).toHaveLength(mainnet.fixedSeeds.length)
    }
    const { automatic } = await resolved({ line: { dnsseed: '1' }, file: 'dnsseed=0' })
    expect(automatic?.dnsSeeds).toEqual(mainnet.dnsSeeds)
  })

  it.each<[Sources, readonly [boolean, boolean]]>([
    [{}, [true, true]],
    [{ line: { onlynet: 'ipv4' } }, [true, false]],
    [{ line: { onlynet: 'ipv6' } }, [false, true]],
    [{ line: { onlynet: ['ipv4', 'ipv6'] } }, [true, true]],
    [{ line: { onlynet: 'ipv4,ipv6' } }, [true, true]],
    [{ env: { DILITHION_ONLYNET: 'ipv6' } }, [false, true]],
    [{ file: 'onlynet=ipv4' }, [true, false]],
  ])('with %j chooses ipv4 and ipv6: %j', async (sources, expected) => {
    const { automatic } = await resolved(sources)
    const [v4, v6] = ['1.2.3.4', '2a00::1'].map((text) => parseIp(text) ?? new Uint8Array(16))
    const reaches = (ip: IpBytes = new Uint8Array(16)): boolean => automatic?.reachable?.(ip) ?? true
    expect([reaches(v4), reaches(v6)]).toEqual(expected)
  })

  it.each([
    ['5.6.7.8', '5.6.7.8', undefined],
    ['5.6.7.8:9', '5.6.7.8', 9],
    ['2a00::1', '2a00::1', undefined],
    ['[2a00::1]:9', '2a00::1', 9],
  ])('tells others of --externalip=%s', async (externalip, ip, port) => {
    for (const sources of [
      { line: { externalip } },
      { env: { DILITHION_EXTERNALIP: externalip } },
      { file: `externalip=${externalip}` },
    ]) {
      const { ownAddress } = await resolved(sources)
      expect([formatIp(ownAddress?.ip ?? new Uint8Array(16)), ownAddress?.port]).toEqual([ip, port])
    }
    expect((await resolved({})).ownAddress).toBeUndefined()
  })

  it.each([
    ['127.0.0.1', '127.0.0.1', 1_080],
    ['127.0.0.1:9050', '127.0.0.1', 9_050],
    ['tor.example:9', 'tor.example', 9],
    ['[::1]:9050', '::1', 9_050],
  ])(
    'goes through --proxy=%s, and then takes nobody in and asks no names past it',
    async (proxy, host, port) => {
      for (const sources of [
        { line: { proxy } },
        { env: { DILITHION_PROXY: proxy } },
        { file: `proxy=${proxy}` },
      ]) {
        const config = await resolved(sources)
        expect(config).toMatchObject({ proxy: { host, port }, listen: false })
        expect(config.automatic?.dnsSeeds).toEqual([])
      }
      expect(await resolved({ line: { proxy, listen: '1' } })).toMatchObject({ listen: true })
    },
  )

  it.each([
    ['4', 4, 0],
    ['8', 8, 0],
    ['9', 4, 2],
    ['16', 8, 2],
    ['1', 1, 0],
  ])('chooses, of --maxconnections=%s, %i peers', async (maxconnections, outbound, blockRelay) => {
    expect((await resolved({ line: { maxconnections } })).automatic).toMatchObject({ outbound, blockRelay })
  })

  it.each<[Options, string]>([
    [{ seednode: 'a b' }, "--seednode: expected an address such as 1.2.3.4:8444, got 'a b'"],
    [{ seednode: '1.2.3.4:0' }, "--seednode: expected an address such as 1.2.3.4:8444, got '1.2.3.4:0'"],
    [{ dnsseed: 'no' }, "--dnsseed: expected 0 or 1, got 'no'"],
    [
      { externalip: 'me.example' },
      "--externalip: expected an IP address, or an IP address and port, got 'me.example'",
    ],
    [
      { externalip: '1.2.3.4:0' },
      "--externalip: expected an IP address, or an IP address and port, got '1.2.3.4:0'",
    ],
    [{ externalip: '' }, "--externalip: expected a value, got ''"],
    [{ onlynet: 'onion' }, "--onlynet: expected ipv4 or ipv6, got 'onion'"],
    [{ onlynet: 'ipv4,' }, "--onlynet: expected ipv4 or ipv6, got ''"],
    [{ proxy: '1.2.3.4:99999' }, "--proxy: expected an address such as 127.0.0.1:9050, got '1.2.3.4:99999'"],
    [{ proxy: '' }, "--proxy: expected a value, got ''"],
    [{ maxmempool: '4' }, "--maxmempool: expected a whole number from 5 to 8192, got '4'"],
    [{ persistmempool: 'no' }, "--persistmempool: expected 0 or 1, got 'no'"],
    [{ txindex: '1', prune: '500' }, '--txindex needs all blocks: leave out --prune, or the index'],
  ])('complains about %j', async (line, text) => {
    expect(await complaint({ line })).toBe(text)
  })

  it('keeps transactions that wait, in so much memory, unless told otherwise', async () => {
    expect((await resolved({})).mempool).toEqual({ budgetBytes: 300_000_000, isKept: true })
    const line = { maxmempool: '10', persistmempool: '0' }
    expect((await resolved({ line })).mempool).toEqual({ budgetBytes: 10_000_000, isKept: false })
    expect((await resolved({ file: 'txindex=1' })).chain).toMatchObject({ txIndex: true })
  })

  it('complains about mistakes in environment and file, and where they stand, even where they would not count', async () => {
    expect(await complaint({ env: { DILITHION_ONLYNET: 'tor' } })).toMatch(
      /^DILITHION_ONLYNET: expected ipv4 or ipv6/,
    )
    expect(await complaint({ file: 'connect=0\nonlynet=x' })).toMatch(/^'onlynet' in .*dilithion\.conf: /)
    expect(await complaint({ file: 'connect=0\nseednode=a b' })).toMatch(/^'seednode' in .*dilithion\.conf: /)
    expect(await complaint({ file: 'regtest=1\ndnsseed=x' })).toMatch(/^'dnsseed' in .*dilithion\.conf: /)
  })
})

describe('parseConfigFile', () => {
  it('reads keys in any case, with spaces, quotes and comments around', () => {
    const text =
      '\ufeff# one\r\n; two\n[three]\nPort = 5 \nno-color\nrpcpassword=" a=b "\nconnect=x\nconnect=y\n=z'
    expect(Object.fromEntries(parseConfigFile(text))).toEqual({
      port: ['5'],
      'no-color': ['1'],
      rpcpassword: [' a=b '],
      connect: ['x', 'y'],
      '': ['z'],
    })
  })

  it('leaves a lone quote alone', () => {
    expect(parseConfigFile('rpcpassword="').get('rpcpassword')).toEqual(['"'])
    expect(parseConfigFile('rpcpassword="a').get('rpcpassword')).toEqual(['"a'])
  })
})

describe('the data directory', () => {
  it('lies in the home of the user, by network', () => {
    expect(defaultDataDir(mainnet)).toBe(join(homedir(), '.dilithion'))
    expect(defaultDataDir(testnet)).toBe(join(homedir(), '.dilithion-testnet'))
    expect(defaultDataDir(regtest)).toBe(join(homedir(), '.dilithion-regtest'))
  })

  it('makes a directory with all above it, for its owner alone', async () => {
    const path = join(newFolder(), 'a/b/c')
    await ensureDataDir(path)
    await ensureDataDir(path)
    expect(statSync(path).mode & 0o777).toBe(0o700)
  })

  it('names what stands in its way', async () => {
    const file = join(newFolder(), 'file')
    writeFileSync(file, 'kept')
    await expect(ensureDataDir(file)).rejects.toThrow(/there is a file of that name/)
    await expect(ensureDataDir(join(file, 'x'))).rejects.toThrow(/part of the path is not a directory/)
    expect(readFileSync(file, 'utf8')).toBe('kept')
  })

  it('does not try for ever where nothing can be made', async () => {
    await expect(ensureDataDir('/proc/no/such/folder')).rejects.toThrow(UserError)
  })
})
