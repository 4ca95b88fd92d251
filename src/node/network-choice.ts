/** Which network a program joins: a built-in one, by its switch, or the one that a chain file defines. */
import { readFile } from 'node:fs/promises'
import { mainnet, type NetworkParams, regtest, testnet } from '../params/networks.ts'
import { errorText, UserError } from '../primitives/errors.ts'

export interface NetworkChoice {
  readonly testnet: boolean
  readonly regtest: boolean
  /** Path of a chain file. */
  readonly chainFile: string | undefined
}

/** Mainnet if nothing else is chosen. Throws UserError for two choices, and for a chain file that can't be used. */
export async function chooseNetwork(choice: NetworkChoice): Promise<NetworkParams> {
  const chosen = [
    ...(choice.testnet ? ['testnet'] : []),
    ...(choice.regtest ? ['regtest'] : []),
    ...(choice.chainFile === undefined ? [] : ['chain-file']),
  ]
  if (chosen.length > 1) throw new UserError(`${chosen.join(' and ')} exclude each other: choose one`)
  if (choice.chainFile !== undefined) return readChainFile(choice.chainFile)
  if (choice.regtest) return regtest
  return choice.testnet ? testnet : mainnet
}

/** The network that a chain file defines (docs/CHAIN-FILE.md). Throws UserError with what is wrong in it. */
export async function readChainFile(path: string): Promise<NetworkParams> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    throw new UserError(`can't read the chain file ${path}: ${errorText(error)}`)
  }
  // Most programs never need it, and it takes a while to load.
  const { parseChainFile } = await import('./chain-file.ts')
  const parsed = parseChainFile(text)
  if (parsed.ok) return parsed.value
  throw new UserError(`chain file ${path}: ${parsed.error}`)
}
