/** Scripted peers that behave as other programs on the network do: in which order they say what, and when. */
import { HeaderList } from '../../src/wire/header.ts'
import { Inventory, type InvMessage, InvType } from '../../src/wire/inventory.ts'
import type { Message } from '../../src/wire/messages.ts'
import { type ScriptedPeer, v1Version, versionOf } from './scripted.ts'
import type { World } from './world.ts'

/** The first release looks at one message per round of 50 ms. */
const V1_ROUND_MS = 50

/**
 * The first release, dialling or listening (wire-protocol 16.4): speaks at once, without a nonce, and answers one
 * message per round.
 */
export function actAsV1(world: World, peer: ScriptedPeer): void {
  let freeAt = 0
  peer.react = (message) => {
    freeAt = Math.max(freeAt + V1_ROUND_MS, world.time.mono + V1_ROUND_MS)
    const answer = answerOfV1(message)
    if (answer !== undefined) world.time.at(freeAt, () => peer.send(answer))
  }
  peer.send(v1Version())
}

function answerOfV1(message: Message): Message | undefined {
  if (message.type === 'version') return { type: 'verack' }
  return message.type === 'ping' ? { type: 'pong', nonce: message.nonce } : undefined
}

export interface ReferenceOptions {
  /** It dialled: then it speaks first. */
  readonly dialler: boolean
  /** A feeler sends its `version` a second time. */
  readonly versions?: 1 | 2
}

/** A node of the current protocol in its usual order of messages (wire-protocol 6.1, 6.2). */
export function actAsReference(peer: ScriptedPeer, options: ReferenceOptions): void {
  let spoke = false
  let complete = false
  const speak = (): void => {
    spoke = true
    for (let i = 0; i < (options.versions ?? 1); i++) peer.send(versionOf(peer.network, { nonce: 77n }))
  }
  peer.react = (message) => {
    if (message.type === 'version') {
      if (!spoke) speak()
      peer.send({ type: 'verack' })
    } else if (message.type === 'verack' && !complete) {
      complete = true
      for (const greeting of REFERENCE_GREETINGS) peer.send(greeting)
    } else if (message.type === 'ping') {
      peer.send({ type: 'pong', nonce: message.nonce })
    } else if (message.type === 'getheaders') {
      peer.send({ type: 'headers', headers: HeaderList.of([]) })
    }
  }
  if (options.dialler) speak()
}

const MEMPOOL: InvMessage = {
  type: 'inv',
  inventory: Inventory.of([{ type: InvType.transaction, hash: new Uint8Array(32).fill(0xab) }]),
}

const REFERENCE_GREETINGS: readonly Message[] = [
  MEMPOOL,
  MEMPOOL,
  { type: 'getaddr' },
  { type: 'sendheaders' },
  { type: 'sendcmpct', announce: true, version: 1n },
]
