/**
 * The one table of options of dilithion-node. The command line, the help text, dilithion.conf and the
 * environment are all read by it. Names and defaults follow rpc 8 and 9.
 */
export interface OptionRow {
  /** Without dashes; also the key in dilithion.conf, and DILITHION_NAME in the environment. */
  readonly name: string
  /** One letter, for the command line. */
  readonly short?: string
  /** Placeholder of its value in the help; undefined or {@link SWITCH_VALUE} for a switch: without a value it is on. */
  readonly value?: string
  readonly repeatable?: boolean
  readonly help: string
  readonly group: 'Network' | 'Connections' | 'Chain' | 'Mining' | 'Wallet' | 'RPC' | 'Log'
}

/** Of switches that are on unless they are set to 0. */
export const SWITCH_VALUE = '0|1'

export const optionRows = [
  { name: 'testnet', group: 'Network', help: 'join the v1.0 test network (mainnet is the default)' },
  { name: 'regtest', group: 'Network', help: 'a private network for tests' },
  {
    name: 'chain-file',
    value: 'FILE',
    group: 'Network',
    help: 'join the network that this file defines (see docs/CHAIN-FILE.md)',
  },
  {
    name: 'datadir',
    value: 'DIR',
    group: 'Network',
    help: 'where files are kept (~/.dilithion, ~/.dilithion-testnet, ~/.dilithion-regtest)',
  },
  {
    name: 'port',
    value: 'N',
    group: 'Connections',
    help: 'port for peers, 0 for any free one (8444, testnet 18444, regtest 28444)',
  },
  {
    name: 'bind',
    value: 'ADDR',
    group: 'Connections',
    help: 'address to listen on, or ADDR:PORT (all addresses)',
  },
  {
    name: 'listen',
    value: SWITCH_VALUE,
    group: 'Connections',
    help: 'take connections from others (1, with --proxy 0)',
  },
  {
    name: 'connect',
    value: 'ADDR',
    repeatable: true,
    group: 'Connections',
    help: 'connect to this peer and to no others of our own choice; repeatable, 0 for none',
  },
  {
    name: 'addnode',
    value: 'ADDR',
    repeatable: true,
    group: 'Connections',
    help: 'stay connected to this peer, beside others; repeatable',
  },
  {
    name: 'seednode',
    value: 'ADDR',
    repeatable: true,
    group: 'Connections',
    help: 'ask this node once for addresses of others; repeatable',
  },
  {
    name: 'dnsseed',
    value: SWITCH_VALUE,
    group: 'Connections',
    help: 'ask seeds by name if few addresses are known (1)',
  },
  {
    name: 'externalip',
    value: 'ADDR',
    group: 'Connections',
    help: 'tell others to reach this node at this IP address, or ADDR:PORT (as peers see it)',
  },
  {
    name: 'onlynet',
    value: 'NET',
    repeatable: true,
    group: 'Connections',
    help: 'choose peers only among ipv4 or ipv6 addresses; repeatable (both)',
  },
  {
    name: 'proxy',
    value: 'ADDR',
    group: 'Connections',
    help: 'dial through this SOCKS5 proxy, such as 127.0.0.1:9050 for Tor; host names are left to it',
  },
  { name: 'maxconnections', value: 'N', group: 'Connections', help: 'connections in all (125)' },
  {
    name: 'max-connections-per-ip',
    value: 'N',
    group: 'Connections',
    help: 'inbound connections from one address (2, none for loopback and private addresses unless given)',
  },
  { name: 'dbcache', value: 'MB', group: 'Chain', help: 'memory for coins that are known (64)' },
  {
    name: 'prune',
    value: 'MB',
    group: 'Chain',
    help: 'keep only the latest blocks, in files of so many MB at most; 0 keeps all (0)',
  },
  {
    name: 'txindex',
    group: 'Chain',
    help: 'keep an index of all transactions, for getrawtransaction; not with --prune',
  },
  { name: 'reindex', group: 'Chain', help: 'make the index and the coins anew from the files of blocks' },
  {
    name: 'reset-chain',
    group: 'Chain',
    help: 'delete all blocks, coins and indexes and fetch them anew; asks first. Only on the command line',
  },
  { name: 'yes', short: 'y', group: 'Chain', help: 'do not ask before --reset-chain' },
  {
    name: 'randomx',
    value: 'MODE',
    group: 'Chain',
    help: 'how proof of work is hashed: light, or full, which is faster and takes 2 GB more of memory (light, while mining full if there is the memory)',
  },
  {
    name: 'randomx-library',
    value: 'FILE',
    group: 'Chain',
    help: 'librandomx, if not where the system finds it',
  },
  {
    name: 'maxmempool',
    value: 'MB',
    group: 'Chain',
    help: 'memory for transactions that wait to be mined (300)',
  },
  {
    name: 'persistmempool',
    value: SWITCH_VALUE,
    group: 'Chain',
    help: 'keep transactions that wait to be mined over restarts (1)',
  },
  { name: 'mine', group: 'Mining', help: 'mine blocks' },
  {
    name: 'mining-address',
    value: 'ADDR',
    group: 'Mining',
    help: 'address D... that rewards go to',
  },
  {
    name: 'rotate-mining-address',
    group: 'Mining',
    help: 'after each block of our own, mine to another address of the wallet',
  },
  {
    name: 'threads',
    value: 'N',
    group: 'Mining',
    help: 'mine with so many hashes at once, 1 to 256, or auto for as many as this machine makes (auto)',
  },
  {
    name: 'mining-interval',
    value: 'SECONDS',
    group: 'Mining',
    help: 'rest so long after each block of our own; 0 for no rest (1)',
  },
  {
    name: 'wallet',
    value: SWITCH_VALUE,
    group: 'Wallet',
    help: 'keep a wallet, which is made when it is used first (1)',
  },
  { name: 'disablewallet', group: 'Wallet', help: 'the same as --wallet=0' },
  { name: 'relay-only', group: 'Wallet', help: 'the same as --wallet=0' },
  { name: 'rescan', group: 'Wallet', help: "look through the whole chain for the wallet's payments again" },
  {
    name: 'restore-mnemonic',
    value: 'WORDS',
    group: 'Wallet',
    help: 'make the wallet of these 24 words, if there is none (see restorehdwallet, which keeps them from others)',
  },
  {
    name: 'rpcport',
    value: 'N',
    group: 'RPC',
    help: 'port for RPC, 0 for any free one (8332, testnet 18332, regtest 28332)',
  },
  {
    name: 'rpcuser',
    value: 'NAME',
    group: 'RPC',
    help: 'user name for RPC (a cookie file in the data directory)',
  },
  { name: 'rpcpassword', value: 'WORD', group: 'RPC', help: 'password for RPC' },
  {
    name: 'debug',
    value: 'CATEGORY',
    repeatable: true,
    group: 'Log',
    help: 'also log details: net, rpc or all; repeatable',
  },
  { name: 'verbose', short: 'v', group: 'Log', help: 'the same as --debug=all' },
  { name: 'quiet', short: 'q', group: 'Log', help: 'log warnings and errors only' },
  { name: 'log-json', group: 'Log', help: 'one JSON object per line, for machines' },
  { name: 'no-color', group: 'Log', help: 'no colours, also on a terminal' },
] as const satisfies readonly OptionRow[]

export type OptionName = (typeof optionRows)[number]['name']

/** Options of the C++ node, with the values by which they ask for what this node does anyway. */
export const acceptedOptions: ReadonlyMap<string, readonly string[]> = new Map([
  ['no-upnp', ['1']],
  ['upnp', ['0']],
  ['coinstatsindex', ['0']],
  ['feeestimates', ['1']],
  ['public-api', ['0']],
])

/** Keys in dilithion.conf that are dilithion-cli's alone, which reads the same file. */
export const clientOptions: ReadonlySet<string> = new Set(['rpcconnect', 'rpccookiefile'])

/** Options of the C++ node for what this node does not do (yet). */
export const unsupportedOptions: ReadonlySet<string> = new Set([
  'no-upnp',
  'coinstatsindex',
  'feeestimates',
  'public-api',
  'no-shared-heat',
  'upnp',
  'rpcsslcertificatechainfile',
  'rpcsslprivatekeyfile',
  'rpcsslcapath',
  'rpcwebsocketport',
])
