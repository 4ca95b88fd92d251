/**
 * fast-check arbitraries for every message. What they make can be written and reads back as the same message,
 * so sizes stay within each field's limits; most values are small and some stand at a limit.
 */
import fc from 'fast-check'
import { BlockHeader, HeaderList } from '../src/wire/header.ts'
import { Inventory } from '../src/wire/inventory.ts'
import type { Message, MessageOf, MessageType } from '../src/wire/messages.ts'

export const u16 = fc.integer({ min: 0, max: 0xffff })
export const u32 = fc.oneof(fc.nat({ max: 0xff }), fc.integer({ min: 0, max: 0xffff_ffff }))
export const i32 = fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff })
export const u64 = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn })
export const i64 = fc.bigInt({ min: -0x8000_0000_0000_0000n, max: 0x7fff_ffff_ffff_ffffn })

export const bytes = (maxLength: number, minLength = 0): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength, maxLength })

export const hash: fc.Arbitrary<Uint8Array> = bytes(32, 32)

/** Text of one-byte characters. */
export const latin1 = (maxLength: number, minLength = 0): fc.Arbitrary<string> =>
  fc
    .array(fc.nat({ max: 255 }), { minLength, maxLength })
    .map((codes) => codes.map((code) => String.fromCharCode(code)).join(''))

export const ipv4: fc.Arbitrary<Uint8Array> = bytes(4, 4).map((tail) =>
  Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...tail),
)

/** Groups of zeros in all places, which the text form shortens. */
const ipv6 = fc
  .array(fc.oneof(fc.constant(0), fc.constant(1), u16), { minLength: 8, maxLength: 8 })
  .map((groups) => Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff])))

export const ip: fc.Arbitrary<Uint8Array> = fc.oneof(ipv4, ipv6, bytes(16, 16))

/** In 2000::/4 and IPv4, no first byte can be taken for the length of a user agent (wire-protocol 17). */
const globalIp = fc.oneof(
  ipv4,
  ipv6.map((address) => Uint8Array.of(0x20 | ((address[0] ?? 0) & 15), ...address.subarray(1))),
)

const netAddress = (address: fc.Arbitrary<Uint8Array>) => ({ services: u64, ip: address, port: u16 })

const userAgent = fc.oneof(
  { weight: 4, arbitrary: latin1(256) },
  { weight: 1, arbitrary: latin1(256, 250) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 256 }).map((length) => '/'.repeat(length)) },
)

const versionFields = {
  type: fc.constant('version' as const),
  version: i32,
  services: u64,
  time: i64,
  nonce: u64,
  userAgent,
  startHeight: i32,
  relay: fc.boolean(),
}

const addressedFields = {
  ...versionFields,
  receiver: fc.record(netAddress(globalIp)),
  sender: fc.record(netAddress(ip)),
}

const version: fc.Arbitrary<MessageOf<'version'>> = fc.oneof(
  fc.record({ ...versionFields, layout: fc.constant('v1' as const) }),
  fc.record({ ...addressedFields, layout: fc.constant('addressed' as const) }),
  fc.record({ ...addressedFields, layout: fc.constant('current' as const), genesisHash: hash }),
)

const headerFields = { previousHash: hash, merkleRoot: hash, time: u32, bits: u32, nonce: u32 }

/** Of 80 and of 144 bytes. */
export const blockHeader: fc.Arbitrary<BlockHeader> = fc.oneof(
  fc
    .record({
      ...headerFields,
      version: fc.oneof(
        i32.map((n) => Math.min(n, 3)),
        fc.constant(1),
      ),
    })
    .map((fields) => BlockHeader.of(fields)),
  fc
    .record({
      ...headerFields,
      version: fc.oneof(fc.integer({ min: 4, max: 0x7fff_ffff }), fc.constant(4)),
      vdf: fc.record({ output: hash, proofHash: hash }),
    })
    .map((fields) => BlockHeader.of(fields)),
)

const transactionWith = (fewest: number) =>
  fc.record({
    version: i32,
    inputs: fc.array(
      fc.record({ previousHash: hash, previousIndex: u32, scriptSig: bytes(300), sequence: u32 }),
      { minLength: fewest, maxLength: 4 },
    ),
    outputs: fc.array(fc.record({ value: u64, scriptPubKey: bytes(300) }), {
      minLength: fewest,
      maxLength: 4,
    }),
    lockTime: u32,
  })

/** With any number of inputs and outputs, also none. */
export const transaction = transactionWith(0)

const inventory = fc
  .array(fc.record({ type: fc.oneof(fc.integer({ min: 1, max: 4 }), u32), hash }), { maxLength: 20 })
  .map((entries) => Inventory.of(entries))

const nonceOnly = <T extends MessageType>(type: T) => fc.record({ type: fc.constant(type), nonce: u64 })
const empty = <T extends MessageType>(type: T) => fc.constant({ type })
const listed = <T extends MessageType>(type: T) => fc.record({ type: fc.constant(type), inventory })
const opaque = <T extends MessageType>(type: T, fewest: number, most: number) =>
  fc.record({
    type: fc.constant(type),
    body: fc.oneof(
      { weight: 9, arbitrary: bytes(fewest + 40, fewest) },
      { weight: 1, arbitrary: fc.constantFrom(new Uint8Array(fewest), new Uint8Array(most)) },
    ),
  })

/** An arbitrary for each type of message. */
export const messageArbitraries: { readonly [T in MessageType]: fc.Arbitrary<MessageOf<T>> } = {
  version,
  verack: empty('verack'),
  ping: nonceOnly('ping'),
  pong: nonceOnly('pong'),
  getaddr: empty('getaddr'),
  addr: fc.record({
    type: fc.constant('addr' as const),
    addresses: fc.array(fc.record({ time: u32, ...netAddress(ip) }), { maxLength: 20 }),
  }),
  inv: listed('inv'),
  getdata: listed('getdata'),
  block: fc.record({
    type: fc.constant('block' as const),
    block: fc.record({ header: blockHeader, transactionData: bytes(400) }),
  }),
  tx: fc.record({ type: fc.constant('tx' as const), transaction: transactionWith(1) }),
  getheaders: fc.record({
    type: fc.constant('getheaders' as const),
    locator: fc.array(hash, { maxLength: 32 }),
    stop: hash,
  }),
  headers: fc.record({
    type: fc.constant('headers' as const),
    headers: fc.array(blockHeader, { maxLength: 20 }).map((headers) => HeaderList.of(headers)),
  }),
  getblocks: opaque('getblocks', 36, 8_236),
  mempool: empty('mempool'),
  reject: fc.record({
    type: fc.constant('reject' as const),
    command: latin1(12),
    code: fc.nat({ max: 255 }),
    reason: latin1(200),
  }),
  sendheaders: empty('sendheaders'),
  sendcmpct: fc.record({ type: fc.constant('sendcmpct' as const), announce: fc.boolean(), version: u64 }),
  cmpctblock: fc.record({
    type: fc.constant('cmpctblock' as const),
    header: blockHeader,
    nonce: u64,
    prefilled: fc.array(fc.record({ index: u16, transaction }), { maxLength: 3 }),
    shortIds: fc.nat({ max: 20 }).chain((n) => bytes(6 * n, 6 * n)),
  }),
  getblocktxn: fc.record({
    type: fc.constant('getblocktxn' as const),
    blockHash: hash,
    indexes: fc.array(u16, { maxLength: 20 }),
  }),
  blocktxn: fc.record({
    type: fc.constant('blocktxn' as const),
    blockHash: hash,
    transactions: fc.array(transaction, { maxLength: 3 }),
  }),
  dnalping: nonceOnly('dnalping'),
  dnalpong: nonceOnly('dnalpong'),
  dnatsync: fc.record({
    type: fc.constant('dnatsync' as const),
    monotonicTimeUs: u64,
    wallTimeMs: u64,
    nonce: u64,
    isResponse: fc.boolean(),
  }),
  dnabwtest: fc.record({
    type: fc.constant('dnabwtest' as const),
    nonce: u64,
    wallTimeMs: u64,
    filler: bytes(300),
  }),
  dnabwres: fc.record({
    type: fc.constant('dnabwres' as const),
    nonce: u64,
    uploadMbit: fc.double(),
    downloadMbit: fc.double(),
  }),
  dnaireq: fc.record({ type: fc.constant('dnaireq' as const), identity: bytes(20, 20) }),
  dnaires: fc.record(
    {
      type: fc.constant('dnaires' as const),
      identity: bytes(20, 20),
      record: fc.oneof(
        { weight: 9, arbitrary: bytes(300) },
        { weight: 1, arbitrary: fc.constant(new Uint8Array(4_096)) },
      ),
      trailer: bytes(200),
    },
    { requiredKeys: ['type', 'identity', 'trailer'] },
  ),
  dnavchall: opaque('dnavchall', 92, 8_192),
  dnavresp: opaque('dnavresp', 70, 8_192),
  dnavatts: opaque('dnavatts', 112, 8_192),
}

/** A message of any type, each as often as the others. */
export const message: fc.Arbitrary<Message> = fc.oneof(
  ...Object.values<fc.Arbitrary<Message>>(messageArbitraries),
)
