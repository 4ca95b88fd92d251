/** A private network for tests. Source: regtest. */
import { hashConstant, hexConstant, type NetworkParams } from './network-params.ts'

const genesisHash = hashConstant('3cd528f674b236a3db9a27235471c0f1624b39e344d54c4f5c2fc3f66e2997ed')

export const regtest: NetworkParams = {
  name: 'regtest',
  magic: 0xfabf_b5da,
  defaultPort: 28444,
  defaultRpcPort: 28332,
  dataDirName: '.dilithion-regtest',
  dialect: 'current',
  protocolVersion: 70011,
  minPeerVersion: 70005,
  genesisHash,
  sharesPrivateAddresses: true,
  dnsSeeds: [],
  fixedSeeds: [],
  choosesPeers: false,
  allowsMockTime: true,
  chain: {
    proofOfWork: { kind: 'sha3' },
    body: 'transactions',
    genesis: {
      header: hexConstant(
        '010000000000000000000000000000000000000000000000000000000000000000000000' +
          'e3f29dfa9176ff13e50591333af7c76a9b0471c10ec297f561f63e55d7820473' +
          '8064fd68ffff7f2004000000',
      ),
      // One coinbase: "Dilithion regtest - nodes talk".
      transactionData: hexConstant(
        '01010000000100000000000000000000000000000000000000000000000000000000000000' +
          '00ffffffff20001e44696c697468696f6e2072656774657374202d206e6f646573207461' +
          '6c6bffffffff0100f2052a01000000016a00000000',
      ),
      hash: genesisHash,
    },
    minHeaderVersion: 1,
    plainHeaders: false,
    chainId: 1_002,
    difficulty: { kind: 'fixed', bits: 0x207f_ffff },
    spacingSeconds: 240,
    trustedHeight: 0,
    checkpoints: [],
    minimumWork: 0n,
    checksMedianTime: true,
    futureLimits: [{ fromHeight: 0, seconds: 600 }],
    maxReorgDepth: 100,
    maxTransactionDataBytes: 4_194_304,
    initialSubsidy: 5_000_000_000,
    halvingIntervalBlocks: 150,
    coinbaseMaturityBlocks: 100,
    coinbaseTax: undefined,
    fairMiningFromHeight: undefined,
  },
}
