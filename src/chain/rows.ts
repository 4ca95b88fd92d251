/** How the chain stands in the store: one row per header, and the tip. Fixed layouts; docs/STORAGE.md has them. */
import { latin1Decode, latin1Encode } from '../primitives/bytes.ts'
import { HEADER_BYTES } from '../wire/header.ts'
import { type HeaderNode, NodeFlag } from './header-node.ts'
import type { BlockPosition } from './io.ts'

/** Rows in order of height, so that parents come before children. */
export const HEADER_PREFIX = 'h'
/** Hash of the last block whose coins are in the store. */
export const TIP_KEY = 'T'

const ROW_BYTES = 18 + HEADER_BYTES
const NO_FILE = 0xffff_ffff

/** What of a node's flags is kept; the rest follows from the tree. */
const STORED_FLAGS =
  NodeFlag.bodyChecked | NodeFlag.connectedOnce | NodeFlag.failed | NodeFlag.pruned | NodeFlag.assumed

export interface HeaderRow {
  readonly height: number
  readonly hash: Uint8Array
  readonly header: Uint8Array
  readonly flags: number
  readonly transactionCount: number
  readonly position: BlockPosition | undefined
}

export function headerRowKey(node: HeaderNode): string {
  const { height, hash } = node
  return (
    HEADER_PREFIX +
    String.fromCharCode(height >>> 24, (height >>> 16) & 0xff, (height >>> 8) & 0xff, height & 0xff) +
    latin1Decode(hash)
  )
}

export function encodeHeaderRow(node: HeaderNode): Uint8Array {
  const bytes = new Uint8Array(ROW_BYTES)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, node.flags & STORED_FLAGS, true)
  view.setUint32(2, node.transactionCount, true)
  view.setUint32(6, node.position?.file ?? NO_FILE, true)
  view.setUint32(10, node.position?.offset ?? 0, true)
  view.setUint32(14, node.position?.length ?? 0, true)
  bytes.set(node.bytes, 18)
  return bytes
}

/** Undefined if key or value are not of this form. */
export function decodeHeaderRow(key: string, value: Uint8Array): HeaderRow | undefined {
  if (key.length !== 37 || value.length !== ROW_BYTES) return undefined
  const keyBytes = latin1Encode(key)
  const view = new DataView(value.buffer, value.byteOffset)
  const file = view.getUint32(6, true)
  const position = { file, offset: view.getUint32(10, true), length: view.getUint32(14, true) }
  return {
    height: new DataView(keyBytes.buffer).getUint32(1),
    hash: keyBytes.subarray(5),
    // A copy: the row's buffer may be shared with a whole batch of others.
    header: value.slice(18),
    flags: view.getUint16(0, true) & STORED_FLAGS,
    transactionCount: view.getUint32(2, true),
    position: file === NO_FILE ? undefined : position,
  }
}
