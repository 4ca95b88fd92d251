/**
 * The tree of all headers known: by hash, and by their bytes without hashing. Grows by what was found worth
 * keeping only; nothing is removed while the node runs, but for what turns out to be false.
 */
import { bytesEqual } from '../primitives/bytes.ts'
import { HeaderNode, hashKey, NodeFlag } from './header-node.ts'

/** All headers known, on whatever branch. To be looked at only. */
export class HeaderTree {
  readonly #nodes = new Map<string, HeaderNode>()
  readonly genesis: HeaderNode
  #nextId = 1
  /** Ids of what was taken out: told again, a block has the same, so that nobody is asked for it twice. */
  readonly #pastIds = new Map<string, number>()

  constructor(genesisHash: Uint8Array, genesisHeader: Uint8Array, work: bigint) {
    this.genesis = new HeaderNode({
      hash: genesisHash,
      bytes: genesisHeader,
      parent: undefined,
      work,
      id: 0,
    })
    this.#nodes.set(this.genesis.key, this.genesis)
  }

  get size(): number {
    return this.#nodes.size
  }

  /** By hash, 32 bytes in wire order. */
  get(hash: Uint8Array): HeaderNode | undefined {
    return this.#nodes.get(hashKey(hash))
  }

  /** By its 80 bytes. */
  find(header: Uint8Array): HeaderNode | undefined {
    const parent = this.get(header.subarray(4, 36))
    if (parent === undefined) return bytesEqual(header, this.genesis.bytes) ? this.genesis : undefined
    for (let node = parent.firstChild; node !== undefined; node = node.nextSibling)
      if (bytesEqual(node.bytes, header)) return node
    return undefined
  }

  /** Adds a header whose parent is in the tree; both arrays are kept. The node that is there, if it is known. */
  add(hash: Uint8Array, bytes: Uint8Array, parent: HeaderNode, work: bigint): HeaderNode {
    const key = hashKey(hash)
    const known = this.#nodes.get(key)
    if (known !== undefined) return known
    const id = this.#pastIds.get(key) ?? this.#nextId++
    this.#pastIds.delete(key)
    const node = new HeaderNode({ hash, bytes, parent, work, id })
    node.nextSibling = parent.firstChild
    parent.firstChild = node
    this.#nodes.set(node.key, node)
    return node
  }

  /** Takes a block and all on top of it out; to whoever still holds them they are bad. Returns them. */
  remove(node: HeaderNode): HeaderNode[] {
    const gone = [node, ...this.descendants(node)]
    for (const each of gone) {
      each.set(NodeFlag.failed | NodeFlag.removed)
      this.#nodes.delete(each.key)
      this.#pastIds.set(each.key, each.id)
    }
    const { parent } = node
    if (parent === undefined) throw new RangeError('genesis stays')
    if (parent.firstChild === node) parent.firstChild = node.nextSibling
    for (let child = parent.firstChild; child !== undefined; child = child.nextSibling)
      if (child.nextSibling === node) child.nextSibling = node.nextSibling
    return gone
  }

  /** In order of arrival, so that parents come before children. */
  all(): Iterable<HeaderNode> {
    return this.#nodes.values()
  }

  /** A node's descendants, parents first, without itself. */
  *descendants(node: HeaderNode): Generator<HeaderNode> {
    const open: HeaderNode[] = [node]
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      for (let child = next.firstChild; child !== undefined; child = child.nextSibling) {
        yield child
        open.push(child)
      }
    }
  }

  /** Where two chains part: their last common block. */
  fork(a: HeaderNode, b: HeaderNode): HeaderNode {
    let left = a.ancestor(b.height) ?? a
    let right = b.ancestor(a.height) ?? b
    while (left !== right) {
      const skips = left.skip !== right.skip
      const nextLeft = skips ? left.skip : left.parent
      const nextRight = skips ? right.skip : right.parent
      if (nextLeft === undefined || nextRight === undefined) return this.genesis
      left = nextLeft
      right = nextRight
    }
    return left
  }
}
