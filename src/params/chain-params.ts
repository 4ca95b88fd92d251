/**
 * The rules of a chain as data: what the blocks of one network must look like, from which height on. Built-in
 * networks and chain files have the same form. Sources: chain, difficulty, validation, v1-testnet, regtest.
 */

/** What the identity and the work of a block are computed by; both are the same hash. */
export type ProofOfWork =
  | { readonly kind: 'sha3' }
  /** `key`: ASCII, never changes. */
  | { readonly kind: 'randomx'; readonly key: string }

export interface GenesisBlock {
  /** 80 bytes. */
  readonly header: Uint8Array
  readonly transactionData: Uint8Array
  /** 32 bytes in wire order; computed and compared by a test and when hashing begins. */
  readonly hash: Uint8Array
}

/** Rules of a periodic retarget, from this height on (difficulty 4.1, 4.2). */
export interface RetargetPeriod {
  readonly fromHeight: number
  readonly intervalBlocks: number
  /** A retarget changes the target by this factor at most. */
  readonly factor: number
  /** The emergency rule: after a gap of more than so many block times the target grows. */
  readonly emergencyBlocks: number | undefined
  /** Is the sign bit of the compact form put right (difficulty 2.3)? */
  readonly fixesSignBit: boolean
}

export interface AsertPeriod {
  readonly fromHeight: number
  readonly anchorHeight: number
}

export type DifficultyRule =
  /** The same compact target in every block. */
  | { readonly kind: 'fixed'; readonly bits: number }
  /** Any compact target between these, compared as integers. */
  | { readonly kind: 'range'; readonly minBits: number; readonly maxBits: number }
  /** Periodic retargets, then ASERT (difficulty 4). */
  | {
      readonly kind: 'schedule'
      readonly spacingSeconds: number
      /** Hardest and easiest compact target, compared as integers. */
      readonly minBits: number
      readonly maxBits: number
      readonly periods: readonly RetargetPeriod[]
      readonly asert: readonly AsertPeriod[]
      readonly halfLifeSeconds: number
    }

export interface Checkpoint {
  readonly height: number
  /** 32 bytes in wire order. */
  readonly hash: Uint8Array
}

/** Part of the subsidy that goes to fixed scripts (chain 8). */
export interface CoinbaseTax {
  readonly percentOfSubsidy: number
  readonly minOutputs: number
  /** HASH160 of each P2PKH script and its share of the tax; the last one gets what division leaves. */
  readonly shares: readonly { readonly hash160: Uint8Array; readonly percentOfTax: number }[]
}

export interface ChainParams {
  readonly proofOfWork: ProofOfWork
  /** `opaque`: blocks carry any bytes, with neither merkle root nor coins (v1-testnet). */
  readonly body: 'transactions' | 'opaque'
  readonly genesis: GenesisBlock
  /** Lowest version of a header, signed. */
  readonly minHeaderVersion: number
  /**
   * Have all headers 80 bytes, as in the first release? Else those from version 4 on have another form, which is in use on
   * no network known here.
   */
  readonly plainHeaders: boolean
  /** Signed with every input (chain 6.1). */
  readonly chainId: number
  readonly difficulty: DifficultyRule
  /** Usual time between blocks, for estimates shown to people. */
  readonly spacingSeconds: number
  /**
   * Above this height every rule is enforced. At or below it the checkpoints vouch for the chain and history does
   * not obey all rules (validation 1).
   */
  readonly trustedHeight: number
  readonly checkpoints: readonly Checkpoint[]
  /** Headers of a chain with less work in all are not stored before more is shown. */
  readonly minimumWork: bigint
  /** Must a block be later than the median of the eleven before it? */
  readonly checksMedianTime: boolean
  /** A header may be so many seconds ahead of our clock, from this height on; ascending. Empty: any time. */
  readonly futureLimits: readonly { readonly fromHeight: number; readonly seconds: number }[]
  /** More blocks than this are never disconnected by themselves. */
  readonly maxReorgDepth: number
  /** Of one block; beyond what all networks read, only `opaque` bodies. */
  readonly maxTransactionDataBytes: number
  /** In ions. */
  readonly initialSubsidy: number
  readonly halvingIntervalBlocks: number
  readonly coinbaseMaturityBlocks: number
  readonly coinbaseTax: CoinbaseTax | undefined
  /** From here on blocks must also obey the fair-mining rules, which this node does not check yet. */
  readonly fairMiningFromHeight: number | undefined
}

/** What of a chain's rules decides how its messages are read. */
export type PayloadForm = Pick<ChainParams, 'plainHeaders' | 'maxTransactionDataBytes'>
