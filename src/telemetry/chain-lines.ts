/** What the log says of the chain. While the node catches up, single blocks are a detail. */
import { describeFault } from '../chain/faults.ts'
import type { HeaderNode } from '../chain/header-node.ts'
import type { ChainOutcome } from '../chain/outcomes.ts'
import { hashToHex } from '../primitives/bytes.ts'
import type { LogLevel } from './logger.ts'

export interface ChainLine {
  readonly level: LogLevel
  readonly text: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** Undefined for what is said elsewhere. */
export function chainLine(outcome: ChainOutcome): ChainLine | undefined {
  switch (outcome.type) {
    case 'tip':
      return tipLine(outcome)
    case 'blockFailed': {
      const { node, fault } = outcome
      const text = `Block ${name(node)} is invalid: ${describeFault(fault)}`
      return { level: 'warn', text, fields: { event: 'blockFailed', ...place(node), fault: fault.code } }
    }
    case 'deepFork': {
      const { fork, best } = outcome
      const text = `A chain with more work leaves ours at block ${fork.height} and ends in ${name(best)}. To follow it would undo more blocks than is done without being told: if it is right, use invalidateblock on our block ${fork.height + 1}`
      return { level: 'warn', text, fields: { event: 'deepFork', ...place(best), fork: fork.height } }
    }
    case 'falseHeaders': {
      const { behind, count } = outcome
      const text = `A peer has told false headers behind block ${name(behind)}: ${count} are forgotten and asked for anew. From now on each one is checked, which takes longer`
      return { level: 'warn', text, fields: { event: 'falseHeaders', ...place(behind), count } }
    }
    case 'rejectedFork': {
      const { first, best } = outcome
      const text = `A chain with much more work than ours ends in ${name(best)}, and is not followed: its block ${name(first)} is invalid here. If others follow it, get a newer version of this program; reconsiderblock has the block judged again`
      return { level: 'warn', text, fields: { event: 'rejectedFork', ...place(best), first: first.height } }
    }
    case 'blockLost': {
      const text = `Block ${name(outcome.node)} can't be read any more; it will be fetched again`
      return { level: 'warn', text, fields: { event: 'blockLost', ...place(outcome.node) } }
    }
    case 'storageFailed': {
      const { error } = outcome
      return {
        level: 'error',
        text: `The chain stands still: ${error}`,
        fields: { event: 'storageFailed', error },
      }
    }
    default:
      return undefined
  }
}

function tipLine(outcome: Extract<ChainOutcome, { type: 'tip' }>): ChainLine {
  const { tip, disconnected, connected, catchingUp } = outcome
  const fields = {
    event: 'tip',
    ...place(tip),
    disconnected: disconnected.length,
    connected: connected.length,
  }
  if (disconnected.length > 0 && connected.length > 0) {
    const text = `Reorganisation: ${blocks(disconnected.length)} undone, ${connected.length} connected; now at block ${name(tip)}`
    return { level: 'info', text, fields }
  }
  if (disconnected.length > 0) {
    return { level: 'info', text: `${blocks(disconnected.length)} undone; now at block ${name(tip)}`, fields }
  }
  const { transactionCount } = tip
  const content =
    connected.length === 1 && transactionCount > 0 ? `, ${count(transactionCount, 'transaction')}` : ''
  const text =
    connected.length === 1
      ? `Block ${name(tip)}${content}`
      : `${blocks(connected.length)} connected; now at block ${name(tip)}`
  return { level: catchingUp ? 'debug' : 'info', text, fields }
}

function name(node: HeaderNode): string {
  return `${node.height} ${hashToHex(node.hash)}`
}

function place(node: HeaderNode): { height: number; hash: string } {
  return { height: node.height, hash: hashToHex(node.hash) }
}

function blocks(n: number): string {
  return count(n, 'block')
}

function count(n: number, what: string): string {
  return n === 1 ? `1 ${what}` : `${n} ${what}s`
}
