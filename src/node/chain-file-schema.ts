/** What each field of a chain file may be. Every schema's message completes "expected". */
import * as v from 'valibot'
import { MAX_MONEY } from '../chain/transaction-rules.ts'
import { fromHex, hashFromHex } from '../primitives/bytes.ts'
import { parseIp } from '../primitives/ip.ts'
import { MAX_OPAQUE_DATA_BYTES, MAX_TRANSACTION_DATA_BYTES } from '../wire/block.ts'
import { HEADER_BYTES } from '../wire/header.ts'

const HASH160_BYTES = 20
/** Heights, counts and seconds beyond this are typing errors. */
const MANY = 1_000_000
const MAX_HEIGHT = 999_999_999
const MAX_LIST = 10_000

/**
 * An object with these fields and no others. A field that is missing is judged by its own schema, so that the
 * message says what belongs there.
 */
function fields<const Entries extends v.ObjectEntries>(entries: Entries) {
  const blank = Object.fromEntries(Object.keys(entries).map((name) => [name, undefined]))
  return v.pipe(
    v.custom<object>(
      (input) => typeof input === 'object' && input !== null && !Array.isArray(input),
      'an object',
    ),
    v.transform((input): Record<string, unknown> => ({ ...blank, ...input })),
    v.strictObject(entries, 'an object'),
  )
}

/** A field that may be left out, which says that there is no such thing. */
const maybe = <const S extends v.GenericSchema>(schema: S) => v.undefinedable(schema)

/** A text that is turned into something else; undefined if it can't be. */
function parsed<T>(parse: (text: string) => T | undefined, message: string) {
  return v.pipe(
    v.string(message),
    v.rawTransform<string, T>(({ dataset, addIssue, NEVER }) => {
      const value = parse(dataset.value)
      if (value !== undefined) return value
      addIssue({ message })
      return NEVER
    }),
  )
}

function text(pattern: RegExp, message: string) {
  return v.pipe(v.string(message), v.regex(pattern, message))
}

function whole(min: number, max: number) {
  const message = `a whole number from ${min} to ${max}`
  return v.pipe(v.number(message), v.integer(message), v.minValue(min, message), v.maxValue(max, message))
}

function list<const S extends v.GenericSchema>(schema: S) {
  return v.pipe(v.array(schema, 'a list'), v.maxLength(MAX_LIST, `a list of at most ${MAX_LIST}`))
}

const flag = v.boolean('true or false')
const height = whole(0, MAX_HEIGHT)
const bytes = (length: number) =>
  parsed((hex) => (hex.length === 2 * length ? fromHex(hex) : undefined), `${2 * length} hex digits`)
const hash = parsed(hashFromHex, '64 hex digits, as people read a hash')
const hexNumber = (example: string) =>
  parsed((given) => (/^0x[0-9a-f]{8}$/i.test(given) ? Number(given) : undefined), `text such as "${example}"`)
const bits = hexNumber('0x1d00ffff')
const work = parsed(
  (given) => (/^0x[0-9a-f]{1,64}$/i.test(given) ? BigInt(given) : undefined),
  'text such as "0x800080008000"',
)

const proofOfWork = byKind('randomx or sha3', {
  randomx: fields({
    kind: v.literal('randomx'),
    key: text(/^[\x20-\x7e]{1,60}$/, 'the key, 1 to 60 printable ASCII characters'),
  }),
  sha3: fields({ kind: v.literal('sha3') }),
})

const difficulty = byKind('schedule, fixed or range', {
  fixed: fields({ kind: v.literal('fixed'), bits }),
  range: fields({ kind: v.literal('range'), minBits: bits, maxBits: bits }),
  schedule: fields({
    kind: v.literal('schedule'),
    spacingSeconds: whole(1, MANY),
    minBits: bits,
    maxBits: bits,
    periods: list(
      fields({
        fromHeight: height,
        intervalBlocks: whole(1, MANY),
        factor: whole(1, 1_000),
        emergencyBlocks: maybe(whole(1, MANY)),
        fixesSignBit: flag,
      }),
    ),
    asert: list(fields({ fromHeight: height, anchorHeight: height })),
    halfLifeSeconds: whole(1, MANY),
  }),
})

/** One of several forms, told apart by "kind". */
function byKind<const Forms extends Record<string, v.GenericSchema>>(kinds: string, forms: Forms) {
  const none = v.pipe(
    fields({ kind: v.custom<string>(() => false, kinds) }),
    v.transform((): never => {
      throw new Error('a kind that nothing can be')
    }),
  )
  return v.lazy((input): Forms[keyof Forms] | typeof none => {
    const kind = typeof input === 'object' && input !== null && 'kind' in input ? input.kind : undefined
    return isKeyOf(kind, forms) ? forms[kind] : none
  })
}

function isKeyOf<T extends object>(key: unknown, object: T): key is keyof T {
  return typeof key === 'string' && Object.hasOwn(object, key)
}

const chain = fields({
  proofOfWork,
  body: v.picklist(['transactions', 'opaque'], '"transactions" or "opaque"'),
  genesis: fields({
    header: bytes(HEADER_BYTES),
    transactionData: parsed(
      (hex) => (hex.length <= 2 * MAX_TRANSACTION_DATA_BYTES ? fromHex(hex) : undefined),
      'hex of the transaction data, behind its length in a block message',
    ),
    hash,
  }),
  minHeaderVersion: whole(-0x8000_0000, 3),
  plainHeaders: v.optional(flag, false),
  chainId: whole(0, 0xffff_ffff),
  difficulty,
  spacingSeconds: whole(1, MANY),
  trustedHeight: v.optional(height, 0),
  checkpoints: v.optional(list(fields({ height, hash })), []),
  minimumWork: v.optional(work, '0x0'),
  checksMedianTime: flag,
  futureLimits: list(fields({ fromHeight: height, seconds: whole(0, MANY) })),
  maxReorgDepth: whole(1, MANY),
  maxTransactionDataBytes: whole(1, MAX_OPAQUE_DATA_BYTES),
  initialSubsidy: whole(0, MAX_MONEY),
  halvingIntervalBlocks: whole(1, MAX_HEIGHT),
  coinbaseMaturityBlocks: whole(0, MANY),
  coinbaseTax: maybe(
    fields({
      percentOfSubsidy: whole(0, 100),
      minOutputs: whole(1, 10_000),
      shares: list(fields({ hash160: bytes(HASH160_BYTES), percentOfTax: whole(0, 100) })),
    }),
  ),
  fairMiningFromHeight: maybe(height),
})

export const networkSchema = fields({
  about: v.optional(v.string('text')),
  name: text(/^[a-z0-9][a-z0-9-]{0,31}$/, 'a name of at most 32 small letters, digits and dashes'),
  magic: hexNumber('0xd1714102'),
  defaultPort: whole(1, 65_535),
  defaultRpcPort: whole(1, 65_535),
  dataDirName: text(/^(?!\.{1,2}$)[\w.-]{1,64}$/, 'the name of a folder, such as ".dilithion-private"'),
  dialect: v.picklist(['v1', 'current'], '"v1" or "current"'),
  protocolVersion: whole(1, 0x7fff_ffff),
  minPeerVersion: whole(1, 0x7fff_ffff),
  sharesPrivateAddresses: v.optional(flag, false),
  dnsSeeds: v.optional(list(text(/^[\w.-]{1,253}$/, 'a host name')), []),
  fixedSeeds: v.optional(
    list(
      v.pipe(
        v.string('an IP address'),
        v.check((ip) => parseIp(ip) !== undefined, 'an IP address'),
      ),
    ),
    [],
  ),
  choosesPeers: v.optional(flag, false),
  allowsMockTime: v.optional(flag, false),
  chain,
})
