/** The main network. Sources: wire-protocol 1 and 15; chain 1, 4, 8; difficulty 2.4, 4, 6 and 7. */
import { hashConstant, hexConstant, type NetworkParams } from './network-params.ts'

const genesisHash = hashConstant('0000009eaa5e7781ba6d14525c3f75c35444045b21ddafbbea61090db99b0bc3')

/** Here is the last checkpoint, and from here on every rule is enforced. */
const TRUSTED_HEIGHT = 44_000

const checkpoints: readonly (readonly [height: number, hash: string])[] = [
  [1_000, '000000006c282edbcc0f2eee5b0f8c8feb62c73d3787137037e589db99cab59f'],
  [2_000, '0000002c86158454f79a22a31dcabcaca7861f7e95e98275439dd66f4f9e8b4d'],
  [5_000, '00000152698282228ce368858d4070bc9da937ff2ed5c6276adf45dd9d299ee9'],
  [10_000, '000032dc7d684254b446b7568ec895b3279e1230d5a6b6a42e5552e1d45f8402'],
  [11_000, '000009628d3af9adef443ee681d19e4ff7c9d8f56a0b05acce8f55e43f88a6cf'],
  [13_000, '000001fe5b08776d2f96e3fca8a30ad4113e8e2d998f800e70b06e73454380c7'],
  [16_500, '000000b37d07c641b2b0e18ff7931300ac76ee083eae2522632b343ee221475f'],
  [18_500, '0000000c9cbfc8c909156c22b37437183ece80257851d5dc324312497d3f2a37'],
  [23_000, '00000a5bbef0e203c6b013976bbe4a3afc401975d5d4405298691d6620f47fa6'],
  [24_476, '000007289cc3fdbe88a572d84f974a49fb962eda7412312c28930153ae52d611'],
  [30_000, '0000000f1cadcbc897976ebe04f1171a5d591ebdb580bdd229d2e310f1a09f05'],
  [34_000, '00000009b2312644f10b286934ed982520e92aaa54b2736e46f365a77bd92d98'],
  [40_000, '000000271909e84a5a31fe60c27a9e40a2a51828efc89c6af059a2db2f6e2576'],
  [TRUSTED_HEIGHT, '0000002751fc99551f4fce1f2e92053b2432788f1dc12412fd81223204d11377'],
]

export const mainnet: NetworkParams = {
  name: 'mainnet',
  magic: 0xd171_4102,
  defaultPort: 8444,
  defaultRpcPort: 8332,
  dataDirName: '.dilithion',
  dialect: 'current',
  protocolVersion: 70011,
  minPeerVersion: 70005,
  genesisHash,
  sharesPrivateAddresses: false,
  dnsSeeds: ['seed.dilithion.org', 'seed1.dilithion.org', 'seed2.dilithion.org'],
  fixedSeeds: ['138.197.68.128', '167.172.56.119', '165.22.103.114', '134.199.159.83'],
  choosesPeers: true,
  allowsMockTime: false,
  chain: {
    proofOfWork: { kind: 'randomx', key: 'Dilithion-RandomX-v1' },
    body: 'transactions',
    genesis: {
      header: hexConstant(
        '010000000000000000000000000000000000000000000000000000000000000000000000' +
          '7b10a93f4a3a784657c84fa29eeca4cf6a5f1476320b9364e786eca5f6be0f78' +
          '00ef8a67feff011e4b5f9b19',
      ),
      // One coinbase: "Dilithion Mainnet v2.0.0 - Fair Launch Reset - Quantum-Resistant Digital Gold".
      transactionData: hexConstant(
        '01010000000100000000000000000000000000000000000000000000000000000000000000' +
          '00ffffffff4e0044696c697468696f6e204d61696e6e65742076322e302e30202d204661' +
          '6972204c61756e6368205265736574202d205175616e74756d2d526573697374616e7420' +
          '4469676974616c20476f6c64ffffffff0100f2052a01000000016a00000000',
      ),
      hash: genesisHash,
    },
    minHeaderVersion: 1,
    plainHeaders: false,
    chainId: 1,
    difficulty: {
      kind: 'schedule',
      spacingSeconds: 240,
      minBits: 0x1d00_ffff,
      maxBits: 0x1f0f_ffff,
      periods: [
        { fromHeight: 0, intervalBlocks: 2_016, factor: 4, emergencyBlocks: undefined, fixesSignBit: false },
        { fromHeight: 7_034, intervalBlocks: 2_016, factor: 4, emergencyBlocks: 6, fixesSignBit: false },
        { fromHeight: 18_500, intervalBlocks: 360, factor: 2, emergencyBlocks: 6, fixesSignBit: true },
        { fromHeight: 20_520, intervalBlocks: 360, factor: 4, emergencyBlocks: 15, fixesSignBit: true },
      ],
      asert: [
        { fromHeight: 23_040, anchorHeight: 23_039 },
        { fromHeight: 24_500, anchorHeight: 24_499 },
      ],
      halfLifeSeconds: 34_560,
    },
    spacingSeconds: 240,
    trustedHeight: TRUSTED_HEIGHT,
    checkpoints: checkpoints.map(([height, hash]) => ({ height, hash: hashConstant(hash) })),
    // The last checkpoint shows more than a number could.
    minimumWork: 0n,
    checksMedianTime: true,
    futureLimits: [
      { fromHeight: 0, seconds: 7_200 },
      { fromHeight: 24_500, seconds: 600 },
    ],
    maxReorgDepth: 100,
    maxTransactionDataBytes: 4_194_304,
    initialSubsidy: 5_000_000_000,
    halvingIntervalBlocks: 210_000,
    coinbaseMaturityBlocks: 100,
    coinbaseTax: {
      percentOfSubsidy: 2,
      minOutputs: 3,
      shares: [
        // The development fund, DJrywx4AsVQSPLZCKRdg8erZdPMNaRSrKq.
        { hash160: hexConstant('96859a6f0bf280b95e36bbe6af01025f9ed45fce'), percentOfTax: 50 },
        // The development reward, DRne9ygVbQJFKma1pyEMPpyRbjmVKNcbWe.
        { hash160: hexConstant('e27c4c3fd64a06c96a1185a3ccc20cc69693a1d5'), percentOfTax: 50 },
      ],
    },
    fairMiningFromHeight: TRUSTED_HEIGHT + 1,
  },
}
