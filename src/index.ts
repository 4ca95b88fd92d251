/**
 * The library: codec and framing of the Dilithion wire, a client, a node to embed, keys and payments, and the pure
 * core for those who bring their own sockets. docs/LIBRARY.md shows how it is used.
 */

// A client that shakes hands and yields typed messages.

export { Client, ConnectionError, type ConnectOptions, connect } from './node/client.ts'

// A node to embed, with or without a chain.

export { formatAddressFile, parseAddressFile } from './node/address-file.ts'
export { automaticPeers } from './node/automatic.ts'
export { type ChainBackend, type ChainBackendOptions, openChain } from './node/chain-backend.ts'
export type { ChainControl, SubmitResult, TemplateWishes } from './node/chain-control.ts'
export type {
  AddedNode,
  AddressBookSize,
  AutomaticPeers,
  NodeControl,
  NodeTotals,
  OwnAddress,
} from './node/control.ts'
export type { CounterValues } from './node/counters.ts'
export type { EventLoopLag, HealthListener, HealthReport, HealthWarning, MemoryUse } from './node/health.ts'
export type { ConnectionEnd, NodeHistory, PeerEvent } from './node/history.ts'
export type { Miner, MinerOptions, MinerReport, RewardSource } from './node/miner.ts'
export type { MinerNotice } from './node/miner-lines.ts'
export type { MinerWait } from './node/miner-obstacles.ts'
export { DilithionNode } from './node/node.ts'
export { DEFAULT_LIMITS, type NodeOptions } from './node/node-options.ts'
export { VERSION } from './node/version.ts'
export type { WalletKeys } from './node/wallet-keys.ts'
export type { PaymentPlan, PaymentRequest, WalletPayments } from './node/wallet-payments.ts'
export type { WalletOptions, WalletService } from './node/wallet-service.ts'
export type { StuckCause, SyncEvent } from './sync/hooks.ts'
export type { SyncPeerSnapshot, SyncSnapshot } from './sync/snapshot.ts'
export type { WantedBlocks } from './sync/takers.ts'
export type { Balance, UnspentCoin } from './wallet/balance.ts'
export type { HistoryEntry } from './wallet/history-entry.ts'

// Networks, built in or from a chain file.

export { formatChainFile } from './node/chain-file-format.ts'
export { readChainFile } from './node/network-choice.ts'
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

// The wire: frames, and the messages in them.

export {
  type BrokenStream,
  type Frame,
  FrameDecoder,
  type FrameEvent,
  type SkippedFrame,
} from './framing/decoder.ts'
export { FRAME_HEADER_BYTES, FrameEncoder, MAX_PAYLOAD_BYTES } from './framing/encoder.ts'
export {
  type AddrMessage,
  type GetAddrMessage,
  type NetAddress,
  NODE_NETWORK,
  NODE_NETWORK_LIMITED,
  type TimedAddress,
} from './wire/address.ts'
export {
  type Block,
  type BlockMessage,
  decodeBlockTransactions,
  eachBlockTransaction,
  encodeBlockTransactions,
  MAX_TRANSACTION_DATA_BYTES,
} from './wire/block.ts'
export type { Codec } from './wire/codec.ts'
export {
  type BlockTxnMessage,
  type CmpctBlockMessage,
  COMPACT_VERSION,
  type GetBlockTxnMessage,
  MAX_INDEX,
  MAX_INDEXES,
  type PrefilledTransaction,
  type SendCmpctMessage,
  SHORT_ID_BYTES,
} from './wire/compact.ts'
export { type MempoolMessage, RejectCode, type RejectMessage } from './wire/control.ts'
export type {
  DnaAttestation,
  DnaBandwidthResult,
  DnaBandwidthTest,
  DnaIdentityRequest,
  DnaIdentityResponse,
  DnaLatencyPing,
  DnaLatencyPong,
  DnaTimeSync,
  DnaVerifyChallenge,
  DnaVerifyResponse,
} from './wire/dna.ts'
export {
  BlockHeader,
  type GetBlocksMessage,
  type GetHeadersMessage,
  HEADER_BYTES,
  type HeaderFields,
  HeaderList,
  type HeadersMessage,
  headerBytes,
  MAX_HEADERS,
  MAX_LOCATOR_HASHES,
  type SendHeadersMessage,
  VDF_HEADER_BYTES,
} from './wire/header.ts'
export {
  type GetDataMessage,
  Inventory,
  type InventoryEntry,
  type InvMessage,
  InvType,
} from './wire/inventory.ts'
export type { PingMessage, PongMessage } from './wire/keepalive.ts'
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
export {
  BLOCK_TRANSACTION,
  MIN_TRANSACTION_BYTES,
  RELAYED_TRANSACTION,
  readTransaction,
  type Transaction,
  type TransactionInput,
  type TransactionLimits,
  type TransactionOutput,
  type TxMessage,
  txidOf,
  writeTransaction,
} from './wire/transaction.ts'
export {
  type AddressedVersion,
  type CurrentVersion,
  MAX_USER_AGENT_BYTES,
  type V1Version,
  type VerackMessage,
  type VersionLayout,
  type VersionMessage,
} from './wire/version.ts'

// Scripts, what inputs sign, and addresses.

export { type AddressError, decodeAddress, describeAddressError, encodeAddress } from './script/address.ts'
export { evaluateInputs, type InputFailure } from './script/evaluate-inputs.ts'
export { InputEvaluation, type InputVerdict } from './script/input-evaluation.ts'
export type { ScriptError } from './script/interpreter.ts'
export { legacyScriptSig, type SignedBy } from './script/script-sig.ts'
export type { SignatureCheck } from './script/signature-check.ts'
export { SigningContext } from './script/signing-context.ts'
export * from './script/templates.ts'

// Keys, amounts and payments.

export { dilOf, formatDil, ionsOf } from './wallet/amount.ts'
export { addressChain, childKey, formatPath, masterKey, seedOf, type TreeKey } from './wallet/keys.ts'
export { describePhraseError, entropyOf, type PhraseError, phraseOf } from './wallet/mnemonic.ts'
export { type InputKey, signTransaction } from './wallet/sign-transaction.ts'
export { paymentBytes } from './wallet/transaction-size.ts'

// What takes long, in threads: signatures, and proof of work, whose hash is the id of a block.

export { createPowHasher, type PowAlgorithm, type PowHasherOptions } from './crypto/create-pow-hasher.ts'
export type { NonceRange, ScanOptions } from './crypto/nonce-scan.ts'
export type { PowHasher } from './crypto/pow-hasher.ts'
export type { KnownHash } from './crypto/randomx-engine.ts'
export type { SignatureVerifier } from './crypto/signature-verifier.ts'
export { createSignatures, type SignatureOptions, type Signatures } from './crypto/signatures.ts'
export type { Signer, SigningRequest } from './crypto/signer.ts'

// The rules of the chain, and the chain as it is followed.

export { type BlockBody, type BlockTransaction, type BodyFault, parseBody } from './chain/block-body.ts'
export type { Chain, ChainHooks, CreateChain, MempoolChain } from './chain/chain.ts'
export type { Coin } from './chain/coin.ts'
export { ChainEngine, type ChainOptions } from './chain/engine.ts'
export { describeFault, type Fault, type FaultCode } from './chain/faults.ts'
export { HeaderNode, NodeFlag } from './chain/header-node.ts'
export { HeaderTree } from './chain/header-tree.ts'
export type {
  AskIo,
  BlockPosition,
  IoRequest,
  IoResult,
  Job,
  StoreChange,
  StoredBlock,
} from './chain/io.ts'
export type { MaintenanceResult } from './chain/maintenance.ts'
export type * from './chain/outcomes.ts'
export type { ProposalVerdict } from './chain/proposal.ts'
export type { TxPlace } from './chain/tx-index.ts'

// Transactions that wait to be mined, and blocks made of them.

export { type AdmissionResult, minFee } from './mempool/admission.ts'
export type { DumpedTransaction } from './mempool/dump.ts'
export { type KnownTransaction, knownTransaction, type MempoolEntry } from './mempool/entry.ts'
export type {
  Arrival,
  Mempool,
  MempoolOutcome,
  RemovalOutcome,
  RemovalReason,
  TransactionOutcome,
  TransactionVerdict,
} from './mempool/mempool.ts'
export type { BlockTemplate, TemplateRequest, TemplateTransaction } from './mining/template.ts'

// Where a chain is kept.

export type { ChainStore, FoundBlock, StoredPair, StoreRequest, StoreSize } from './storage/chain-store.ts'
export { memoryChainStore } from './storage/memory-store.ts'
export { openChainStore, type StoreOptions } from './storage/open-store.ts'

// The pure core and its seam.

export { NodeCore } from './core/core.ts'
export type { OffenceDetail } from './core/ends.ts'
export type { CoreOptions } from './core/options.ts'
export type { AutomaticOptions } from './core/outbound.ts'
export type { Command, Effect, Input, NodeEvent } from './core/seam.ts'
export type { Identity } from './core/sender.ts'
export type { PeerSnapshot, TrafficSnapshot } from './core/snapshot.ts'

// Peers: what they are, why they go, who else is out there.

export {
  type DisconnectReason,
  describeDisconnect,
  describeRefusal,
  disconnectReasons,
  type RefusalReason,
} from './peer/disconnect.ts'
export type { PeerVersion } from './peer/handshake.ts'
export type { BrokenRule, Offence } from './peer/offences.ts'
export type { ConnectionKind, PeerState } from './peer/peer.ts'
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
export { UserError } from './primitives/errors.ts'
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
export { hash160, messageChecksum, sha3_256, sha3_256d } from './primitives/sha3.ts'
export { formatSubnet, parseSubnet, type Subnet, subnetOf } from './primitives/subnet.ts'
export { ByteWriter } from './primitives/writer.ts'
