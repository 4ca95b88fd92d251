/**
 * Who is worked for when. Each peer's input is taken in bounded turns, and all peers' turns in bounded rounds, so
 * that neither one flood nor many delay a single message of somebody else by more than a round. Decides as well
 * when a peer is read from, and keeps account of what all peers together hold in memory.
 */
import {
  MAX_BYTES_PER_ROUND,
  MAX_MESSAGES_PER_ROUND,
  MAX_RECEIVE_BYTES_TOTAL,
  MAX_SEND_BYTES_TOTAL,
} from '../params/limits.ts'
import type { DisconnectReason } from '../peer/disconnect.ts'
import type { Peer } from '../peer/peer.ts'
import type { PeerManager } from '../pool/peer-manager.ts'
import { type MonoMs, monoMs, type PeerId } from '../primitives/brand.ts'
import { Agenda } from './agenda.ts'
import type { Outbox } from './outbox.ts'
import type { MessageProcessor } from './processor.ts'

/** With this little waiting a peer is heard at once, whatever others do. */
const SMALL_INPUT_BYTES = 2_048

export interface TurnHooks {
  disconnect(peer: Peer, reason: DisconnectReason): void
}

export class Turns {
  readonly #outbox: Outbox
  readonly #peers: PeerManager
  readonly #processor: MessageProcessor
  readonly #hooks: TurnHooks
  /** Peers with input left over from their last turn, in the order of their next. */
  #backlog: Peer[] = []
  readonly #agenda = new Agenda()
  #roundAt: MonoMs = monoMs(0)
  #roundMessages = 0
  #roundBytes = 0
  #receiveBytes = 0
  #sendBytes = 0

  constructor(outbox: Outbox, peers: PeerManager, processor: MessageProcessor, hooks: TurnHooks) {
    this.#outbox = outbox
    this.#peers = peers
    this.#processor = processor
    this.#hooks = hooks
  }

  get hasBacklog(): boolean {
    return this.#backlog.length > 0
  }

  get queuedIds(): PeerId[] {
    return this.#backlog.map((peer) => peer.id)
  }

  /** Bytes of messages that have not come in whole, and bytes that wait to be sent, over all peers. */
  get heldBytes(): { readonly received: number; readonly toSend: number } {
    return { received: this.#receiveBytes, toSend: this.#sendBytes }
  }

  /** No peer has anything due before this. May be early, never late. */
  get wakeAt(): MonoMs {
    return this.#agenda.nextAt
  }

  /** Takes the peers that are due; each is to be watched again. */
  takeDue(): readonly Peer[] {
    return this.#agenda.takeDue(this.#outbox.now.mono)
  }

  /** Throws if bytes are miscounted, or somebody would never be looked at. For tests. */
  assertConsistent(): void {
    this.#agenda.assertConsistent()
    for (const peer of this.#peers.all())
      if (this.#agenda.timeOf(peer) > peer.nextDeadline())
        throw new Error(`peer ${peer.id} is looked at too late`)
    if (this.#agenda.size !== this.#peers.size) throw new Error('the agenda has others than the peers')
    const held = [...this.#peers.all()].map((peer) => peer.heldBytes)
    const sum = (what: 'received' | 'toSend'): number => held.reduce((all, row) => all + row[what], 0)
    if (sum('received') === this.#receiveBytes && sum('toSend') === this.#sendBytes) return
    throw new Error('held bytes are miscounted')
  }

  /** Input of a peer has come. */
  heard(peer: Peer): void {
    if (peer.queuedForTurn) return this.#account(peer)
    if (this.#outbox.now.mono >= this.#roundAt + 1) this.#beginRound()
    if (this.#hasRoom || peer.decoder.bufferedBytes <= SMALL_INPUT_BYTES) return this.turn(peer)
    this.#queue(peer)
    this.#account(peer)
  }

  /** A round of turns for those who wait. */
  round(): void {
    this.#beginRound()
    const waiting = this.#backlog
    if (waiting.length === 0) return
    this.#backlog = []
    for (const [i, peer] of waiting.entries()) {
      if (!this.#hasRoom) {
        // Those who had their turn and want another come behind those who had none.
        this.#backlog = [...waiting.slice(i).filter((left) => this.#isAlive(left)), ...this.#backlog]
        return
      }
      peer.queuedForTurn = false
      if (this.#isAlive(peer)) this.turn(peer)
    }
  }

  turn(peer: Peer): void {
    const { mono } = this.#outbox.now
    const { messages, weight, bytes } = this.#processor.turn(peer, this.#outbox.now)
    this.#roundMessages += weight
    this.#roundBytes += bytes
    peer.allowance.use(messages, 0)
    peer.throttledUntil = peer.allowance.waitUntil(mono)
    if (peer.throttledUntil !== undefined && this.#isAlive(peer))
      this.#outbox.event({ type: 'throttled', peer: peer.id, forMs: peer.throttledUntil - mono })
    peer.noteFrame(mono)
    this.settle(peer)
  }

  /** Goes on with a peer that had to wait. Its silence meanwhile was our doing. */
  resume(peer: Peer): void {
    peer.waitIsOver(this.#outbox.now.mono)
    this.turn(peer)
  }

  /** The peer's allowance may have filled again. */
  release(peer: Peer): void {
    const { mono } = this.#outbox.now
    if (peer.throttledUntil === undefined || mono < peer.throttledUntil) return
    peer.throttledUntil = undefined
    if (!peer.mustWait && !peer.queuedForTurn) this.resume(peer)
  }

  /** After anything that concerns a peer: hands over its output, and decides whether to go on reading. */
  settle(peer: Peer): void {
    // A message of it, or to it, may have ended the peer.
    if (!this.#isAlive(peer)) return
    const chunks = peer.sendQueue.take(this.#outbox.now.mono)
    if (chunks !== undefined) this.#outbox.push({ type: 'write', peer: peer.id, chunks })
    this.#reportCongestion(peer)
    if (peer.mustWait) {
      this.#pause(peer)
    } else if (peer.decoder.hasInput) {
      this.#queue(peer)
    } else if (peer.readingPaused && !peer.queuedForTurn) {
      peer.readingPaused = false
      this.#outbox.push({ type: 'resumeReading', peer: peer.id })
    }
    this.watch(peer)
    this.#account(peer)
  }

  /** Bytes for a peer have left. */
  flushed(peer: Peer): void {
    this.#account(peer)
    if (peer.readingPaused && !peer.queuedForTurn && !peer.mustWait) this.resume(peer)
  }

  /** Something about the peer has changed. */
  watch(peer: Peer): void {
    if (this.#isAlive(peer)) this.#agenda.set(peer, peer.nextDeadline())
  }

  forget(peer: Peer): void {
    this.#agenda.delete(peer)
    if (peer.queuedForTurn) this.#backlog = this.#backlog.filter((other) => other !== peer)
    this.#receiveBytes -= peer.heldBytes.received
    this.#sendBytes -= peer.heldBytes.toSend
    peer.heldBytes.received = 0
    peer.heldBytes.toSend = 0
  }

  get #hasRoom(): boolean {
    return this.#roundMessages < MAX_MESSAGES_PER_ROUND && this.#roundBytes < MAX_BYTES_PER_ROUND
  }

  #beginRound(): void {
    this.#roundAt = this.#outbox.now.mono
    this.#roundMessages = 0
    this.#roundBytes = 0
  }

  #isAlive(peer: Peer): boolean {
    return this.#peers.get(peer.id) === peer
  }

  #queue(peer: Peer): void {
    this.#pause(peer)
    if (!peer.queuedForTurn) this.#backlog.push(peer)
    peer.queuedForTurn = true
  }

  #pause(peer: Peer): void {
    if (peer.readingPaused) return
    peer.readingPaused = true
    this.#outbox.push({ type: 'pauseReading', peer: peer.id })
  }

  /** Once each time that too much waits; reading may have been paused before, for another reason. */
  #reportCongestion(peer: Peer): void {
    const { congested, bytes } = peer.sendQueue
    if (congested && !peer.congestionReported)
      this.#outbox.event({ type: 'congested', peer: peer.id, queuedBytes: bytes })
    peer.congestionReported = congested
  }

  #account(peer: Peer): void {
    if (!this.#isAlive(peer)) return
    const received = peer.decoder.bufferedBytes
    const toSend = peer.sendQueue.bytes
    const held = peer.heldBytes
    this.#receiveBytes += received - held.received
    this.#sendBytes += toSend - held.toSend
    held.received = received
    held.toSend = toSend
    if (this.#receiveBytes > MAX_RECEIVE_BYTES_TOTAL) this.#closeHeaviest('received')
    if (this.#sendBytes > MAX_SEND_BYTES_TOTAL) this.#closeHeaviest('toSend')
  }

  /** Whom we chose is weighed half: those who came to us can be had again. */
  #closeHeaviest(what: 'received' | 'toSend'): void {
    const weight = (peer: Peer): number => peer.heldBytes[what] / (peer.inbound ? 1 : 2)
    let heaviest: Peer | undefined
    for (const peer of this.#peers.all())
      if (heaviest === undefined || weight(peer) > weight(heaviest)) heaviest = peer
    if (heaviest !== undefined) this.#hooks.disconnect(heaviest, 'overBudget')
  }
}
