/** What an operator or an embedding program asks for about a peer, or about all of them. */
import type { Peer } from '../peer/peer.ts'
import type { PeerManager } from '../pool/peer-manager.ts'
import type { PeerId } from '../primitives/brand.ts'
import type { Outbox } from './outbox.ts'
import type { Command } from './seam.ts'
import type { MessageSender } from './sender.ts'
import type { Turns } from './turns.ts'

export class PeerCommands {
  readonly #outbox: Outbox
  readonly #peers: PeerManager
  readonly #sender: MessageSender
  readonly #turns: Turns
  readonly #disconnect: (peer: Peer) => void

  constructor(
    outbox: Outbox,
    peers: PeerManager,
    sender: MessageSender,
    turns: Turns,
    disconnect: (peer: Peer) => void,
  ) {
    this.#outbox = outbox
    this.#peers = peers
    this.#sender = sender
    this.#turns = turns
    this.#disconnect = disconnect
  }

  run(command: Extract<Command, { peer: PeerId }>): void {
    const peer = this.#peers.get(command.peer)
    if (peer === undefined) return
    if (command.type === 'disconnect') return this.#disconnect(peer)
    if (command.type === 'send') {
      if (peer.state === 'ready' && this.#sender.send(peer, command.message)) this.#turns.settle(peer)
      return
    }
    if (peer.held === command.held) return
    peer.held = command.held
    if (command.held) this.#turns.settle(peer)
    else if (!peer.mustWait) this.#turns.resume(peer)
  }

  pingAll(): void {
    for (const peer of this.#peers.all()) {
      if (peer.state !== 'ready') continue
      this.#sender.ping(peer, this.#outbox.now)
      this.#turns.settle(peer)
    }
  }
}
