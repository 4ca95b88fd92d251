/** Actors who only cost others something: one who never reads, one who floods, one who is on another chain. */
import { FRAME_HEADER_BYTES } from '../../../src/framing/encoder.ts'
import type { HostPort } from '../../../src/primitives/ip.ts'
import type { Message } from '../../../src/wire/messages.ts'
import type { Host } from '../network.ts'
import { frameOf } from '../scripted.ts'
import { dialFrom, every, type Stage, versionFor } from './actor.ts'
import type { Link, LinkHandler } from './link.ts'

/** What they do again after they were sent away. */
const RETRY_MS = 5_000

abstract class Nuisance implements LinkHandler {
  readonly host: Host
  connections = 0
  /** Dials that were refused or ended before the handshake. */
  failures = 0
  protected readonly stage: Stage
  readonly #victims: readonly HostPort[]
  #stopped = false

  constructor(stage: Stage, address: string, victims: readonly HostPort[]) {
    this.stage = stage
    this.host = stage.world.net.host(address)
    this.#victims = victims
    for (const victim of victims) this.#dial(victim)
  }

  stop(): void {
    this.#stopped = true
  }

  get isActive(): boolean {
    return !this.#stopped
  }

  message(link: Link, message: Message): void {
    if (message.type === 'version') link.send({ type: 'verack' })
    if (message.type === 'verack') this.ready(link)
    this.heard(link, message)
  }

  closed(link: Link): void {
    const victim = this.#victims.find(({ host }) => host === link.remoteIp)
    if (victim !== undefined) this.#again(victim)
  }

  /** The connection is there: speak. */
  protected greet(link: Link): void {
    link.send(versionFor(this.stage, link))
  }

  protected ready(_: Link): void {}

  protected heard(link: Link, message: Message): void {
    if (message.type === 'ping') link.send({ type: 'pong', nonce: message.nonce })
  }

  #dial(victim: HostPort): void {
    if (this.#stopped) return
    dialFrom(
      this.stage,
      this.host,
      victim,
      this,
      (link) => {
        this.connections++
        this.greet(link)
      },
      () => {
        this.failures++
        this.#again(victim)
      },
    )
  }

  #again(victim: HostPort): void {
    this.stage.world.time.after(RETRY_MS, () => this.#dial(victim))
  }
}

/** Asks for much, and reads nothing of it. */
export class SlowReader extends Nuisance {
  protected override ready(link: Link): void {
    link.stopReading()
    const { genesisHash } = this.stage.network
    every(this.stage.world, 20, () => {
      if (!this.isActive || !link.isOpen) return false
      for (let i = 0; i < 20; i++) {
        link.send(
          { type: 'getheaders', locator: [genesisHash], stop: new Uint8Array(32) },
          { type: 'getaddr' },
        )
        link.send({ type: 'ping', nonce: BigInt(i) }, { type: 'mempool' })
      }
      return link.unsentBytes < 1_000_000
    })
  }
}

export type FloodKind = 'pings' | 'unknown' | 'garbage' | 'crumbs' | 'addresses'

/** Sends as much of one kind as its line carries. */
export class Flooder extends Nuisance {
  readonly #kind: FloodKind
  readonly #bytesPerStep: number

  constructor(
    stage: Stage,
    address: string,
    victims: readonly HostPort[],
    kind: FloodKind,
    bytesPerStep = 4_000,
  ) {
    super(stage, address, victims)
    this.#kind = kind
    this.#bytesPerStep = bytesPerStep
  }

  protected override ready(link: Link): void {
    every(this.stage.world, 50, () => {
      if (!this.isActive || !link.isOpen) return false
      for (let bytes = 0; bytes < this.#bytesPerStep && link.unsentBytes === 0; ) {
        const frame = this.#frame()
        bytes += Math.max(1, frame.length)
        link.sendBytes(frame)
      }
      return true
    })
  }

  #frame(): Uint8Array {
    const { random, network } = this.stage
    const { magic } = network
    switch (this.#kind) {
      case 'pings':
        return frameOf(magic, 'ping', noise(8, random.u32()))
      case 'unknown':
        return frameOf(magic, 'nonsense', noise(1_000, random.u32()))
      case 'garbage':
        return noise(200 + random.below(800), random.u32())
      case 'crumbs':
        return frameOf(magic, 'verack', new Uint8Array(0)).subarray(0, FRAME_HEADER_BYTES)
      case 'addresses':
        return frameOf(magic, 'addr', Uint8Array.of(1, ...noise(30, random.u32())))
    }
  }
}

/** A node of another chain, which does not see why it should not talk to us. */
export class WrongGenesis extends Nuisance {
  protected override greet(link: Link): void {
    link.send(versionFor(this.stage, link, { genesisHash: new Uint8Array(32).fill(0xee) }))
  }
}

function noise(length: number, seed: number): Uint8Array {
  let state = seed | 1
  return Uint8Array.from({ length }, () => {
    state = Math.imul(state, 0x0019_660d) + 0x3c6e_f35f
    return state >>> 24
  })
}
