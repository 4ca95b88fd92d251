/** What synchronisation needs of those around it, and what it tells. */
import type { DisconnectReason } from '../peer/disconnect.ts'
import type { BrokenRule, Offence } from '../peer/offences.ts'
import type { Peer } from '../peer/peer.ts'
import type { PeerId } from '../primitives/brand.ts'

export interface SyncHooks {
  /** Asks for headers behind the first of these hashes that the peer has; at most 32. */
  getheaders(peer: Peer, locator: readonly Uint8Array[]): void
  /** Asks for blocks by their hashes. */
  getdata(peer: Peer, hashes: readonly Uint8Array[]): void
  offend(peer: Peer, offence: Offence, detail: BrokenRule): void
  disconnect(peer: Peer, reason: DisconnectReason, detail?: string): void
  event(event: SyncEvent): void
}

/** Why nothing moves although there is more. */
export type StuckCause =
  /** No peer is there that could bring anything. */
  | 'noPeers'
  /** Headers were asked for and do not come. */
  | 'awaitingHeaders'
  /** Nobody who is there has the blocks that are missing. */
  | 'noSource'
  /** Blocks were asked for and do not come. */
  | 'awaitingBlocks'
  /** Blocks came and are not connected: the disk or the processor does not keep up. */
  | 'chainBusy'
  | 'diskFailed'
  /** Peers' blocks are in the future by our clock. */
  | 'clockWrong'

export type SyncEvent =
  /** While there is much to catch up with, every few seconds. */
  | {
      readonly type: 'syncProgress'
      readonly phase: 'headers' | 'blocks'
      /** Of the active chain, and of the best headers. */
      readonly height: number
      readonly headers: number
      /** As many as there will be, by the headers or by the time since the last one. */
      readonly expectedHeight: number
      /** Part of the way, 0 to 1. */
      readonly done: number
      /** Headers or blocks per second lately. */
      readonly perSecond: number
      /** Undefined while it can't be told. */
      readonly secondsLeft: number | undefined
    }
  /** The initial download is over: what peers have is here. */
  | { readonly type: 'caughtUp'; readonly height: number }
  | { readonly type: 'syncDone'; readonly height: number; readonly seconds: number }
  | {
      readonly type: 'syncStuck'
      readonly cause: StuckCause
      /** For whom we wait, if it is somebody. */
      readonly waitsFor: PeerId | undefined
      readonly seconds: number
    }
  /** After `syncStuck`: something moves again. */
  | { readonly type: 'syncGoesOn' }
