/**
 * The library: codec and framing of the Dilithion wire, a client, a node to embed, and the pure core for those
 * who bring their own sockets.
 */

// The rules of the chain.
export { type BlockBody, type BlockTransaction, type BodyFault, parseBody } from './chain/block-body.ts'
// The chain, as the core sees it, and what it asks of the world.
export type { Chain, ChainHooks, CreateChain } from './chain/chain.ts'
export { ChainEngine, type ChainOptions } from './chain/engine.ts'
export { describeFault, type Fault, type FaultCode } from './chain/faults.ts'
export { HeaderNode, NodeFlag } from './chain/header-node.ts'
export { HeaderTree } from './chain/header-tree.ts'
export * from './chain/io.ts'
export type * from './chain/outcomes.ts'
// The pure core and its seam.

export { NodeCore } from './core/core.ts'
export type { CoreOptions } from './core/options.ts'
export type { AutomaticOptions } from './core/outbound.ts'
export type { Command, Effect, Input, NodeEvent } from './core/seam.ts'
export type { Identity } from './core/sender.ts'
export type { PeerSnapshot, TrafficSnapshot } from './core/snapshot.ts'
// Signatures, in threads.
export type { SignatureVerifier } from './crypto/signature-verifier.ts'
export { createSignatures, type SignatureOptions, type Signatures } from './crypto/signatures.ts'
export type { Signer, SigningRequest } from './crypto/signer.ts'
// Framing.
export {
  type BrokenStream,
  type Frame,
  FrameDecoder,
  type FrameEvent,
  type SkippedFrame,
} from './framing/decoder.ts'
export { FRAME_HEADER_BYTES, FrameEncoder, MAX_PAYLOAD_BYTES } from './framing/encoder.ts'
// A node to embed.
export { formatAddressFile, parseAddressFile } from './node/address-file.ts'
export { automaticPeers } from './node/automatic.ts'
export { type ChainBackend, type ChainBackendOptions, openChain } from './node/chain-backend.ts'
export { ChainControl, type SubmitResult } from './node/chain-control.ts'
export { formatChainFile } from './node/chain-file-format.ts'
// A client that shakes hands and yields typed messages.
export { Client, ConnectionError, type ConnectOptions, connect } from './node/client.ts'
export type {
  AddedNode,
  AddressBookSize,
  AutomaticPeers,
  NodeControl,
  NodeTotals,
  OwnAddress,
} from './node/control.ts'
export type { CounterValues } from './node/counters.ts'
export type { HealthListener, HealthReport, HealthWarning } from './node/health.ts'
export type { Miner, MinerOptions, MinerReport, RewardSource } from './node/miner.ts'
export type { MinerNotice } from './node/miner-lines.ts'
export type { MinerWait } from './node/miner-obstacles.ts'
export { readChainFile } from './node/network-choice.ts'
export { DEFAULT_LIMITS, DilithionNode, type NodeOptions } from './node/node.ts'
export { VERSION } from './node/version.ts'
// Networks.
export type * from './params/chain-params.ts'
export {
  type Dialect,
  mainnet,
  type NetworkName,
  type NetworkParams,
  networks,
  regtest,
  testnet,
} from './params/networks.ts'
export {
  type DisconnectReason,
  describeDisconnect,
  describeRefusal,
  disconnectReasons,
  type RefusalReason,
} from './peer/disconnect.ts'
export type { PeerVersion } from './peer/handshake.ts'
export type { Offence } from './peer/offences.ts'
export type { ConnectionKind, PeerState } from './peer/peer.ts'
// Who is out there.
export { AddressBook } from './pool/address-book.ts'
export type { AddressSource, SavedAddress, SavedAddresses } from './pool/address-row.ts'
export { type Ban, type BanReason, FOREVER } from './pool/ban-list.ts'
export type { KnownAddress, Trust } from './pool/known-address.ts'
export type { AddTargetVerdict } from './pool/manual-targets.ts'
export type { ConnectionLimits } from './pool/peer-manager.ts'
// Primitives.
export {
  type ConnectionId,
  connectionId,
  type DialTicket,
  dialTicket,
  type MonoMs,
  monoMs,
  type Now,
  type PeerId,
  peerId,
  type UnixSeconds,
  unixSeconds,
} from './primitives/brand.ts'
export { bytesEqual, concatBytes, fromHex, hashFromHex, hashToHex, toHex } from './primitives/bytes.ts'
export {
  type Endpoint,
  formatEndpoint,
  formatHostPort,
  formatIp,
  type HostPort,
  type IpBytes,
  isIpv4,
  isLoopback,
  isRoutable,
  parseHostPort,
  parseIp,
} from './primitives/ip.ts'
export { RandomSource } from './primitives/random.ts'
export { ByteReader, type DecodeError, type DecodeErrorCode } from './primitives/reader.ts'
export { type Err, err, type Ok, ok, type Result } from './primitives/result.ts'
export { messageChecksum, sha3_256, sha3_256d } from './primitives/sha3.ts'
export { formatSubnet, parseSubnet, type Subnet, subnetOf } from './primitives/subnet.ts'
export { ByteWriter } from './primitives/writer.ts'
// Scripts, what inputs sign, and addresses.
export { type AddressError, decodeAddress, describeAddressError, encodeAddress } from './script/address.ts'
export { evaluateInputs, type InputFailure } from './script/evaluate-inputs.ts'
export { InputEvaluation, type InputVerdict } from './script/input-evaluation.ts'
export type { ScriptError } from './script/interpreter.ts'
export { legacyScriptSig } from './script/script-sig.ts'
export type { SignatureCheck } from './script/signature-check.ts'
export { SigningContext } from './script/signing-context.ts'
export * from './script/templates.ts'
// Where a chain is kept.
export type { ChainStore, FoundBlock, StoredPair, StoreRequest, StoreSize } from './storage/chain-store.ts'
export { memoryChainStore } from './storage/memory-store.ts'
export { openChainStore, type StoreOptions } from './storage/open-store.ts'
// Messages.
export * from './wire/address.ts'
export * from './wire/block.ts'
export * from './wire/codec.ts'
export * from './wire/compact.ts'
export * from './wire/control.ts'
export * from './wire/dna.ts'
export * from './wire/header.ts'
export * from './wire/inventory.ts'
export * from './wire/keepalive.ts'
export {
  codecs,
  decodePayload,
  encodePayload,
  type Message,
  type MessageError,
  type MessageOf,
  type MessageType,
  messageTypes,
} from './wire/messages.ts'
export * from './wire/transaction.ts'
export * from './wire/version.ts'
