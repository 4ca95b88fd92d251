/** What the chain tells the rest of the core: answers to what it was given, and that the active chain has changed. */
import type { PeerId } from '../primitives/brand.ts'
import type { Fault } from './faults.ts'
import type { HeaderNode } from './header-node.ts'

/** From whom something came: a peer, or this node itself (mining, RPC, files). */
export type Source = PeerId | 'local'

export type HeadersVerdict =
  /** All are in the tree now (or were). */
  | 'accepted'
  /** All fit and are kept aside: the chain has not shown enough work, or not reached its checkpoint, yet. */
  | 'staged'
  /** The parent of the first is not known. */
  | 'unconnected'
  /** Too far ahead of our clock; they may be offered again later. Those before are kept. */
  | 'future'
  /** A fork too far below our tip to matter. */
  | 'tooDeep'
  /** A rule is broken, for ever. */
  | 'invalid'
  /** The source offers more at once than is worked on, or the node stops: ask again later. */
  | 'busy'

export interface HeadersOutcome {
  readonly type: 'headers'
  readonly source: Source
  /** How many were offered. */
  readonly count: number
  readonly verdict: HeadersVerdict
  readonly fault: Fault | undefined
  /** Of those offered, the last that is in the tree. */
  readonly last: HeaderNode | undefined
  /** New in the tree. */
  readonly added: number
  /** Where to ask on from when staged: hash of the last header that was kept aside, and its height. */
  readonly staged: { readonly hash: Uint8Array; readonly height: number } | undefined
}

export type BlockVerdict =
  /** Checked for itself and stored. Whether it can be connected shows when its turn comes. */
  | 'stored'
  /** Known already, or stored once and pruned. */
  | 'duplicate'
  /** Its parent's header is not known. */
  | 'orphan'
  /** The body does not belong to the header; another body may. Says nothing against the hash. */
  | 'mutated'
  /** The header or an authentic body breaks a rule, or an ancestor does. */
  | 'invalid'
  /** Too far ahead of our clock. */
  | 'future'
  | 'tooDeep'
  | 'busy'

export interface BlockOutcome {
  readonly type: 'block'
  readonly source: Source
  readonly verdict: BlockVerdict
  readonly fault: Fault | undefined
  /** Its place in the tree, if it has one. */
  readonly node: HeaderNode | undefined
  /** Its hash, where it became known. */
  readonly hash: Uint8Array | undefined
}

/** The active chain ends in another block now. Both lists in the order in which it was done. */
export interface TipOutcome {
  readonly type: 'tip'
  readonly tip: HeaderNode
  readonly previous: HeaderNode
  readonly disconnected: readonly HeaderNode[]
  readonly connected: readonly HeaderNode[]
  /** Are there many more blocks to come? */
  readonly catchingUp: boolean
}

/** A stored block can't be connected: it breaks a rule. `source` brought it, if that is still known. */
export interface BlockFailedOutcome {
  readonly type: 'blockFailed'
  readonly node: HeaderNode
  readonly fault: Fault
  readonly source: Source | undefined
}

/** More work than our chain has, but joining it would undo too many blocks: the operator should know. */
export interface DeepForkOutcome {
  readonly type: 'deepFork'
  readonly fork: HeaderNode
  readonly best: HeaderNode
}

/**
 * Much more work than our chain has, but a block of it breaks a rule here: `first`. If others follow it, the operator
 * should know.
 */
export interface RejectedForkOutcome {
  readonly type: 'rejectedFork'
  readonly first: HeaderNode
  readonly best: HeaderNode
}

/** Headers were false that peers had told below a checkpoint: so many behind this one are forgotten, to be asked for anew. */
export interface FalseHeadersOutcome {
  readonly type: 'falseHeaders'
  readonly behind: HeaderNode
  readonly count: number
}

/** A stored block can't be read any more. It counts as not stored; it may be asked for again. */
export interface BlockLostOutcome {
  readonly type: 'blockLost'
  readonly node: HeaderNode
}

/** The disk failed. Nothing is lost that was stored before, and nothing more is stored: the node should stop. */
export interface StorageFailedOutcome {
  readonly type: 'storageFailed'
  readonly error: string
}

export type ChainOutcome =
  | HeadersOutcome
  | BlockOutcome
  | TipOutcome
  | BlockFailedOutcome
  | DeepForkOutcome
  | RejectedForkOutcome
  | FalseHeadersOutcome
  | BlockLostOutcome
  | StorageFailedOutcome
