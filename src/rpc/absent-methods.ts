/** Methods that others of this network or of Bitcoin have and this node has not, and what to say to who calls one. */

interface Absence {
  readonly names: string
  /** Completes "there is no such method here: ". */
  readonly why: string
}

const ABSENCES: readonly Absence[] = [
  {
    names:
      'getdfmpinfo getmikdistribution getfullmikdistribution getmikattestation banmik unbanmik listbannedmiks getsybilrelays getcorrelatedalerts',
    why: 'this node does not implement fair mining. getblockchaininfo says in unchecked_rules what it does not check',
  },
  {
    names:
      'getmydigitaldna registerdigitaldna getdigitaldna comparedigitaldna findsimilaridentities listdigitaldna getdigitaldnastats collectdigitaldna validatedigitaldna getlatencyfingerprint gettimingsignature getperspectiveproof dumpdigitaldna getdigitaldnahistory getdnamonitor getverificationstatus listattestations getverificationconfig getpeertrust',
    why: 'this node does not implement digital DNA',
  },
  {
    names:
      'generatepreimage createhtlc claimhtlc refundhtlc decodehtlc initiateswap acceptswap listswaps verifyx402payment settlex402payment getx402info',
    why: 'this node does not implement hash time locked contracts, swaps and x402 payments',
  },
  { names: 'checkchain', why: 'verifychain checks the blocks that are stored' },
  {
    names: 'repairblocks',
    why: 'a block that can not be read is asked for again by itself; scanblockdb reads those that are stored',
  },
  { names: 'forcerebuild', why: 'stop the node and start it once with --reindex' },
  {
    names: 'generatetoaddress setmocktime addpeeraddress',
    why: 'it is for regtest alone',
  },
  { names: 'signrawtransactionwithwallet', why: 'signrawtransaction does it' },
  { names: 'getunconfirmedbalance', why: 'getbalance shows it in unconfirmed_balance' },
  { names: 'rescanblockchain', why: 'rescanwallet does it' },
  { names: 'generate generateblock', why: 'generatetoaddress mines, on regtest alone' },
  { names: 'getblockfrompeer', why: 'requestblocks asks for blocks' },
]

const REASONS = new Map(ABSENCES.flatMap(({ names, why }) => names.split(' ').map((name) => [name, why])))

/** Undefined for names that are nobody's. */
export function whyAbsent(name: string): string | undefined {
  return REASONS.get(name)
}
