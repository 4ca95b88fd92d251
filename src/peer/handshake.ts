/**
 * What a `version` message makes of its sender: taken, or refused and why (wire-protocol 5.1, 6). Pure
 * judgement; who sends what when is in the message processor.
 */
import type { NetworkParams } from '../params/networks.ts'
import type { PeerId } from '../primitives/brand.ts'
import { bytesEqual } from '../primitives/bytes.ts'
import type { IpBytes } from '../primitives/ip.ts'
import { RejectCode } from '../wire/control.ts'
import type { VersionMessage } from '../wire/version.ts'
import type { DisconnectReason } from './disconnect.ts'

export type VersionVerdict =
  | { readonly accepted: true }
  | {
      readonly accepted: false
      readonly reason: DisconnectReason
      /** What the peer is told first; undefined for our own connection to ourselves. */
      readonly reject?: { readonly code: number; readonly text: string }
    }

/**
 * `ownNonces` are those that we sent on connections which are still open: a peer that shows one of them is
 * ourselves. A peer that names no genesis block (older layouts) is judged by its version alone.
 */
export function judgeVersion(
  version: VersionMessage,
  network: NetworkParams,
  ownNonces: ReadonlyMap<bigint, PeerId>,
): VersionVerdict {
  if (version.nonce !== 0n && ownNonces.has(version.nonce))
    return { accepted: false, reason: 'selfConnection' }
  if (version.layout === 'current' && !bytesEqual(version.genesisHash, network.genesisHash)) {
    const reject = { code: RejectCode.invalid, text: 'genesis block mismatch' }
    return { accepted: false, reason: 'wrongGenesis', reject }
  }
  if (version.version < network.minPeerVersion) {
    const text = `protocol version must be ${network.minPeerVersion} or greater`
    return { accepted: false, reason: 'obsoleteVersion', reject: { code: RejectCode.obsolete, text } }
  }
  return { accepted: true }
}

/** What of a peer's `version` is kept. Copies, so that nothing holds on to received bytes. */
export interface PeerVersion {
  readonly layout: VersionMessage['layout']
  readonly version: number
  readonly services: bigint
  readonly userAgent: string
  readonly startHeight: number
  readonly relay: boolean
  readonly nonce: bigint
  /** The peer's clock minus ours, seconds. */
  readonly timeOffset: number
  /** How the peer sees our address, if it says so. */
  readonly seesUsAs?: { readonly ip: IpBytes; readonly port: number }
}

export function rememberVersion(version: VersionMessage, nowUnix: number): PeerVersion {
  const { layout, services, userAgent, startHeight, relay, nonce } = version
  const offset = Number(version.time - BigInt(nowUnix))
  const kept = { layout, version: version.version, services, userAgent, startHeight, relay, nonce }
  if (version.layout === 'v1') return { ...kept, timeOffset: offset }
  const { ip, port } = version.receiver
  return { ...kept, timeOffset: offset, seesUsAs: { ip: ip.slice(), port } }
}
