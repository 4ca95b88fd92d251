/** Writes a network as a chain file (docs/CHAIN-FILE.md): the built-in ones as well, to start a new one from. */
import type { NetworkParams } from '../params/network-params.ts'
import { hashToHex, toHex } from '../primitives/bytes.ts'

/** A network as the text of a chain file, such that parsing gives it back. */
export function formatChainFile(network: NetworkParams): string {
  const { genesisHash: _, chain, ...fields } = network
  const { genesis, difficulty, checkpoints, minimumWork, coinbaseTax } = chain
  const shares = coinbaseTax?.shares.map((share) => ({ ...share, hash160: toHex(share.hash160) }))
  const document = {
    ...fields,
    magic: hexNumber(network.magic),
    chain: {
      ...chain,
      genesis: {
        header: toHex(genesis.header),
        transactionData: toHex(genesis.transactionData),
        hash: hashToHex(genesis.hash),
      },
      difficulty: Object.fromEntries(
        Object.entries(difficulty).map(([name, value]) => [
          name,
          /bits$/i.test(name) && typeof value === 'number' ? hexNumber(value) : value,
        ]),
      ),
      checkpoints: checkpoints.map(({ height, hash }) => ({ height, hash: hashToHex(hash) })),
      minimumWork: `0x${minimumWork.toString(16)}`,
      coinbaseTax: coinbaseTax && { ...coinbaseTax, shares },
    },
  }
  return `${JSON.stringify(document, null, 2)}\n`
}

function hexNumber(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`
}
