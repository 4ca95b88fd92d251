/** Where a chain stands, told to others by a few of its hashes (wire-protocol 5.11, 12.2). */
import { MAX_LOCATOR_HASHES } from '../wire/header.ts'
import type { HeaderNode } from './header-node.ts'

/** Hashes told one by one before the steps grow. */
const DENSE = 10

/** From the block itself back to genesis, ever sparser; at most 32. */
export function locatorOf(from: HeaderNode): Uint8Array[] {
  const hashes: Uint8Array[] = []
  let step = 1
  let node: HeaderNode | undefined = from
  while (node !== undefined && hashes.length < MAX_LOCATOR_HASHES - 1) {
    hashes.push(node.hash)
    if (node.height === 0) return hashes
    if (hashes.length > DENSE) step *= 2
    node = node.ancestor(Math.max(0, node.height - step))
  }
  const genesis = from.ancestor(0)
  if (genesis !== undefined) hashes.push(genesis.hash)
  return hashes
}
