/** The files of test/vectors, typed. */
import { readFileSync } from 'node:fs'
import { fromHex } from '../src/primitives/bytes.ts'
import type { Plain } from './plain.ts'

/** A frame and what it means; see "about" in the files. */
export interface FrameVector {
  readonly what?: string
  readonly command?: string
  readonly magic?: number
  readonly from?: string
  readonly frame: string
  readonly message?: { readonly [key: string]: Plain }
  readonly skipped?: string
  readonly error?: { readonly [key: string]: Plain }
  readonly transactions?: readonly Plain[]
  readonly txids?: readonly string[]
  readonly trailingBytes?: number
}

export interface BlockVector {
  readonly height: number
  readonly time: number
  readonly bits: number
  readonly nonce: number
  readonly merkleRoot: string
  readonly headerHex: string
  readonly payloadHex: string
  readonly transactions: readonly {
    readonly txid: string
    readonly bytes: number
    readonly inputs: number
    readonly outputs: readonly { readonly value: string; readonly scriptPubKey: string }[]
  }[]
}

export interface FrameFile {
  readonly messages: readonly FrameVector[]
}

export interface BlockFile {
  readonly blocks: readonly BlockVector[]
}

/** The header as on the wire, its hash in display order. */
export interface HashVector {
  readonly header: string
  readonly hash: string
}

export interface ProofOfWorkFile {
  readonly mainnetKey: string
  readonly testnetKey: string
  readonly mainnet: HashVector
  readonly testnet: HashVector
  readonly regtest: HashVector
  /** In mainnet's formats and by its key. */
  readonly easier: readonly HashVector[]
}

export interface WalletFile {
  readonly mnemonic: string
  readonly passphrase: string
  readonly keys: readonly { readonly path: string; readonly keySeed: string; readonly address: string }[]
}

function load<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../test/vectors/${name}`, import.meta.url), 'utf8'))
}

export const loadProtocolFrames = (): FrameFile => load('protocol-frames.json')
export const loadMainnetMessages = (): FrameFile => load('mainnet-messages.json')
export const loadTestnetMessages = (): FrameFile => load('v1-testnet-messages.json')
export const loadBlocks = (): BlockFile => load('blocks.json')

export const loadProofOfWork = (): ProofOfWorkFile => load('proof-of-work.json')
export const loadWallet = (): WalletFile => load('wallet.json')

/** Bytes of hex text that is known to be right. */
export function hex(text: string): Uint8Array {
  const bytes = fromHex(text)
  if (bytes === undefined) throw new TypeError(`not hex: ${text.slice(0, 40)}`)
  return bytes
}

interface GenesisVector {
  readonly header: string
  readonly vtx: string
  readonly hash: string
}

/** Numbers as hex; see "about" in the file. */
export interface ChainRulesFile {
  readonly genesis: {
    readonly mainnet: GenesisVector & { readonly chainwork: string }
    readonly v1_testnet: GenesisVector
  }
  readonly compact: readonly {
    readonly bits: string
    readonly target: string
    readonly encode: string
    readonly fix: string
    readonly work: string
  }[]
  readonly retarget: readonly {
    readonly bits: string
    readonly actual: number
    readonly timespan: number
    readonly factor: number
    readonly result: string
    readonly result_fixed: string
  }[]
  readonly eda: readonly {
    readonly bits: string
    readonly steps: number
    readonly encode: string
    readonly fix: string
  }[]
  readonly asert: {
    readonly anchor: { readonly bits: string; readonly time: number; readonly height: number }
    readonly cases: readonly {
      readonly parent_height: number
      readonly parent_time: number
      readonly next_bits: string
    }[]
  }
}

export const loadChainRules = (): ChainRulesFile => load('chain-rules.json')

export interface ChainBlockFile {
  readonly blocks: readonly {
    readonly height: number
    readonly hash: string
    readonly payloadHex: string
    readonly txids: readonly string[]
  }[]
}

export const loadEasedBlocks = (): ChainBlockFile => load('eased-blocks.json')
