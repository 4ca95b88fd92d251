/**
 * Somebody else's wallet and miner: transactions, signatures, addresses and blocks of regtest, written after the formats of
 * the network alone. Uses nothing of `src`, so that what it takes and makes is no echo of our own mistakes.
 */
import { createHash } from 'node:crypto'
import { ml_dsa65 } from '@noble/post-quantum/ml-dsa.js'

/** In the messages that inputs sign. */
const REGTEST_CHAIN_ID = 1002
const SIGNATURE_BYTES = 3_309
const PUBLIC_KEY_BYTES = 1_952
const FINAL = 0xffff_ffff
const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'

export interface ForeignInput {
  /** As it stands in the bytes. */
  readonly hash: Buffer
  readonly index: number
  readonly script: Buffer
}

export interface ForeignOutput {
  readonly value: bigint
  readonly script: Buffer
}

export interface ForeignTransaction {
  readonly inputs: readonly ForeignInput[]
  readonly outputs: readonly ForeignOutput[]
}

export interface ForeignKey {
  readonly secretKey: Uint8Array
  readonly publicKey: Uint8Array
}

const sha3 = (bytes: Uint8Array): Buffer => createHash('sha3-256').update(bytes).digest()
const hash160 = (bytes: Uint8Array): Buffer => sha3(sha3(bytes)).subarray(0, 20)
const shown = (hash: Buffer): string => Buffer.from(hash).reverse().toString('hex')
export const fromShown = (hex: string): Buffer => Buffer.from(hex, 'hex').reverse()

export function foreignKey(seed: number): ForeignKey {
  return ml_dsa65.keygen(new Uint8Array(32).fill(seed))
}

export function scriptTo(key: ForeignKey): Buffer {
  return Buffer.concat([Buffer.from('76a914', 'hex'), hash160(key.publicKey), Buffer.from('88ac', 'hex')])
}

export function addressOf(key: ForeignKey): string {
  const payload = Buffer.concat([Buffer.of(0x1e), hash160(key.publicKey)])
  const whole = Buffer.concat([payload, sha3(sha3(payload)).subarray(0, 4)])
  let text = ''
  for (let rest = BigInt(`0x${whole.toString('hex')}`); rest > 0n; rest /= 58n)
    text = `${ALPHABET[Number(rest % 58n)]}${text}`
  return text
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(value)
  return bytes
}

/** Nothing here is longer than 65,535. */
function size(value: number): Buffer {
  return value < 253 ? Buffer.of(value) : Buffer.of(253, value & 0xff, value >> 8)
}

export function bytesOf({ inputs, outputs }: ForeignTransaction): Buffer {
  const ins = inputs.flatMap(({ hash, index, script }) => [
    hash,
    u32(index),
    size(script.length),
    script,
    u32(FINAL),
  ])
  const outs = outputs.flatMap(({ value, script }) => [u64(value), size(script.length), script])
  return Buffer.concat([u32(1), size(inputs.length), ...ins, size(outputs.length), ...outs, u32(0)])
}

export function txidOf(transaction: ForeignTransaction): string {
  return shown(sha3(bytesOf(transaction)))
}

export function read(hex: string): ForeignTransaction {
  const bytes = Buffer.from(hex, 'hex')
  let at = 4
  const take = (length: number): Buffer => {
    at += length
    return bytes.subarray(at - length, at)
  }
  const count = (): number => {
    const [first = 0] = take(1)
    return first < 253 ? first : take(2).readUInt16LE()
  }
  const inputs = Array.from({ length: count() }, () => {
    const input = { hash: take(32), index: take(4).readUInt32LE(), script: take(count()) }
    take(4)
    return input
  })
  const outputs = Array.from({ length: count() }, () => ({
    value: take(8).readBigUInt64LE(),
    script: take(count()),
  }))
  return { inputs, outputs }
}

/** What an input signs: all of the transaction but the scripts, its own number, the version and the chain. */
function messageOf(transaction: ForeignTransaction, index: number): Buffer {
  const inputs = transaction.inputs.map((input) => ({ ...input, script: Buffer.alloc(0) }))
  const inner = sha3(bytesOf({ ...transaction, inputs }))
  return sha3(Buffer.concat([inner, u32(index), u32(1), u32(REGTEST_CHAIN_ID)]))
}

/** With this key, which all inputs need. */
export function signed(transaction: ForeignTransaction, key: ForeignKey): ForeignTransaction {
  const inputs = transaction.inputs.map((input, index) => {
    const signature = ml_dsa65.sign(messageOf(transaction, index), key.secretKey)
    const lengths = [Buffer.from('ed0c', 'hex'), Buffer.from('a007', 'hex')] as const
    return { ...input, script: Buffer.concat([lengths[0], signature, lengths[1], key.publicKey]) }
  })
  return { ...transaction, inputs }
}

/** May this input spend an output with that script? */
export function maySpend(transaction: ForeignTransaction, index: number, script: Buffer): boolean {
  const unlock = transaction.inputs[index]?.script ?? Buffer.alloc(0)
  if (unlock.length !== 4 + SIGNATURE_BYTES + PUBLIC_KEY_BYTES) return false
  const signature = unlock.subarray(2, 2 + SIGNATURE_BYTES)
  const publicKey = unlock.subarray(4 + SIGNATURE_BYTES)
  if (!scriptTo({ publicKey, secretKey: publicKey }).equals(script)) return false
  return ml_dsa65.verify(signature, messageOf(transaction, index), publicKey)
}

export interface ForeignTemplate {
  readonly version: number
  readonly previousblockhash: string
  readonly height: number
  readonly curtime: number
  readonly bits: string
  readonly target: string
  readonly coinbasevalue: number
  readonly transactions: readonly { readonly data: string }[]
}

/** A block of a template in hex, that pays to a script. */
export function mined(template: ForeignTemplate, script: Buffer): string {
  const height = Buffer.concat([Buffer.of(4), u32(template.height)])
  const coinbase = bytesOf({
    inputs: [{ hash: Buffer.alloc(32), index: FINAL, script: height }],
    outputs: [{ value: BigInt(template.coinbasevalue), script }],
  })
  const transactions = [coinbase, ...template.transactions.map(({ data }) => Buffer.from(data, 'hex'))]
  const header = Buffer.concat([
    u32(template.version),
    fromShown(template.previousblockhash),
    rootOf(transactions.map(sha3)),
    u32(template.curtime),
    u32(Number.parseInt(template.bits, 16)),
    u32(0),
  ])
  const target = BigInt(`0x${template.target}`)
  for (let nonce = 1; BigInt(`0x${shown(sha3(header))}`) > target; nonce++) header.writeUInt32LE(nonce, 76)
  return Buffer.concat([header, size(transactions.length), ...transactions]).toString('hex')
}

function rootOf(hashes: readonly Buffer[]): Buffer {
  const [first = Buffer.alloc(32), second] = hashes
  if (second === undefined) return first
  const above: Buffer[] = []
  for (let i = 0; i < hashes.length; i += 2) {
    const left = hashes[i] ?? first
    above.push(sha3(Buffer.concat([left, hashes[i + 1] ?? left])))
  }
  return rootOf(above)
}
