/** What the fields of a chain file must have to do with each other, once each is right by itself. */
import { parseBody } from '../chain/block-body.ts'
import { lastCheckpointHeight } from '../chain/header-rules.ts'
import type { ChainParams, DifficultyRule } from '../params/chain-params.ts'
import type { NetworkParams } from '../params/network-params.ts'
import { networks } from '../params/networks.ts'
import { bytesEqual, hashToHex, toHex } from '../primitives/bytes.ts'
import { sha3_256 } from '../primitives/sha3.ts'
import { MAX_TRANSACTION_DATA_BYTES } from '../wire/block.ts'
import { BlockHeader, HEADER_BYTES, headerBytes } from '../wire/header.ts'

/** What does not fit together, in one line that begins with a field; undefined if all does. */
export function contradictionIn(network: NetworkParams): string | undefined {
  const { chain } = network
  return (
    inVersions(network) ??
    inGenesis(chain) ??
    inBody(chain) ??
    inDifficulty(chain.difficulty) ??
    inCheckpoints(chain) ??
    notAscending('chain.futureLimits', chain.futureLimits, ({ fromHeight }) => fromHeight) ??
    inTax(chain) ??
    inDataDir(network)
  )
}

function inVersions({ minPeerVersion, protocolVersion }: NetworkParams): string | undefined {
  if (minPeerVersion <= protocolVersion) return undefined
  return `minPeerVersion: expected at most the protocolVersion, ${protocolVersion}`
}

function inGenesis(chain: ChainParams): string | undefined {
  const { header: bytes, transactionData, hash } = chain.genesis
  const version = new DataView(bytes.buffer, bytes.byteOffset).getInt32(0, true)
  if (headerBytes(version, chain.plainHeaders) !== HEADER_BYTES) {
    return `chain.genesis.header: expected a version that has ${HEADER_BYTES} bytes, got ${version}`
  }
  const header = new BlockHeader(bytes)
  if (header.previousHash.some((byte) => byte !== 0)) {
    return 'chain.genesis.header: expected no block before it'
  }
  if (chain.proofOfWork.kind === 'sha3' && !bytesEqual(sha3_256(bytes), hash)) {
    return `chain.genesis.hash: expected ${hashToHex(sha3_256(bytes))}, the SHA3-256 of the header`
  }
  const body = parseBody(chain, header, transactionData, 0)
  if (body.ok) return undefined
  return body.error.code === 'bad-txnmrklroot'
    ? `chain.genesis.transactionData: expected the transactions of merkle root ${toHex(header.merkleRoot)}`
    : `chain.genesis.transactionData: expected the transactions of a block (${body.error.code})`
}

function inBody({ body, maxTransactionDataBytes }: ChainParams): string | undefined {
  if (body === 'opaque' || maxTransactionDataBytes <= MAX_TRANSACTION_DATA_BYTES) return undefined
  return `chain.maxTransactionDataBytes: expected at most ${MAX_TRANSACTION_DATA_BYTES}, but where the body is opaque`
}

function inDifficulty(rule: DifficultyRule): string | undefined {
  if (rule.kind === 'fixed') return undefined
  if (rule.minBits > rule.maxBits) return 'chain.difficulty.minBits: expected at most maxBits'
  if (rule.kind === 'range') return undefined
  const late = rule.asert.findIndex(({ fromHeight, anchorHeight }) => anchorHeight >= fromHeight)
  if (late >= 0) return `chain.difficulty.asert[${late}].anchorHeight: expected a height below fromHeight`
  return (
    notAscending('chain.difficulty.periods', rule.periods, ({ fromHeight }) => fromHeight) ??
    notAscending('chain.difficulty.asert', rule.asert, ({ fromHeight }) => fromHeight)
  )
}

function inCheckpoints(chain: ChainParams): string | undefined {
  const last = lastCheckpointHeight(chain)
  if (chain.trustedHeight > last) {
    return `chain.trustedHeight: expected at most ${last}, the height of the last checkpoint, which vouches for it`
  }
  return notAscending('chain.checkpoints', chain.checkpoints, ({ height }) => height)
}

function inTax({ coinbaseTax }: ChainParams): string | undefined {
  if (coinbaseTax === undefined) return undefined
  const { shares } = coinbaseTax
  const percents = shares.reduce((sum, { percentOfTax }) => sum + percentOfTax, 0)
  if (percents !== 100) return `chain.coinbaseTax.shares: expected 100 percentOfTax in all, got ${percents}`
  const payees = new Set(shares.map(({ hash160 }) => toHex(hash160)))
  return payees.size < shares.length ? 'chain.coinbaseTax.shares: expected each hash160 once' : undefined
}

/** Files of two chains must not mix. */
function inDataDir({ dataDirName, genesisHash }: NetworkParams): string | undefined {
  const owner = Object.values(networks).find((known) => known.dataDirName === dataDirName)
  if (owner === undefined || bytesEqual(owner.genesisHash, genesisHash)) return undefined
  return `dataDirName: expected another name than that of ${owner.name}, whose files lie in ${dataDirName}`
}

function notAscending<T>(
  field: string,
  rows: readonly T[],
  heightOf: (row: T) => number,
): string | undefined {
  const wrong = rows.findIndex((row, i) => {
    const before = rows[i - 1]
    return before !== undefined && heightOf(before) >= heightOf(row)
  })
  return wrong < 0 ? undefined : `${field}[${wrong}]: expected a greater height than in the entry before`
}
