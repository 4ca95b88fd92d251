/**
 * The v1.0 testnet: another chain than the one that later programs call testnet, on the same magic and ports.
 * Sources: wire-protocol 15; v1-testnet 1 to 5.
 */
import { latin1Encode } from '../primitives/bytes.ts'
import { hashConstant, hexConstant, type NetworkParams } from './network-params.ts'

const genesisHash = hashConstant('924bdb80469e1185814407147bc763a62425cc400bc902ce37d73ffbc3524475')

export const testnet: NetworkParams = {
  name: 'testnet',
  magic: 0xdab5_bffa,
  defaultPort: 18444,
  defaultRpcPort: 18332,
  dataDirName: '.dilithion-testnet',
  dialect: 'v1',
  protocolVersion: 70001,
  minPeerVersion: 70001,
  genesisHash,
  sharesPrivateAddresses: false,
  dnsSeeds: ['seed-testnet.dilithion.org', 'seed-testnet1.dilithion.org', 'seed-testnet2.dilithion.org'],
  fixedSeeds: ['134.122.4.164', '209.97.177.197', '188.166.255.63'],
  choosesPeers: true,
  allowsMockTime: false,
  chain: {
    proofOfWork: { kind: 'randomx', key: 'Dilithion' },
    body: 'opaque',
    genesis: {
      header: hexConstant(
        '010000000000000000000000000000000000000000000000000000000000000000000000' +
          '0e84be70e43d0f03321e7b3e38e241737ddb26dc671cf8cd2c9c750da52b0a08' +
          '80b41d670000061ff238e904',
      ),
      transactionData: latin1Encode(
        'Dilithion Testnet Genesis - Testing post-quantum cryptocurrency before mainnet launch',
      ),
      hash: genesisHash,
    },
    // Its nodes don't look at versions.
    minHeaderVersion: -0x8000_0000,
    plainHeaders: true,
    // Not in use: nothing is spent on this chain.
    chainId: 0,
    difficulty: { kind: 'range', minBits: 0x1d00_ffff, maxBits: 0x1f0f_ffff },
    spacingSeconds: 240,
    trustedHeight: 0,
    checkpoints: [],
    minimumWork: 0n,
    checksMedianTime: false,
    futureLimits: [],
    maxReorgDepth: 100,
    // What fits into a frame of 32 MiB, behind the header and the length.
    maxTransactionDataBytes: 33_554_347,
    initialSubsidy: 5_000_000_000,
    halvingIntervalBlocks: 210_000,
    coinbaseMaturityBlocks: 0,
    coinbaseTax: undefined,
    fairMiningFromHeight: undefined,
  },
}
