/**
 * The file `format` of a store: which layout its files have, and of which chain they are. Made with the store and
 * never changed; a later layout gets another number, and its program a way from this one to that.
 */
import { join } from 'node:path'
import type { NetworkParams } from '../params/networks.ts'
import { hashToHex, latin1Decode } from '../primitives/bytes.ts'
import { UserError } from '../primitives/errors.ts'
import { writeFileAtomically } from './atomic-file.ts'
import { readIfThere } from './if-there.ts'

export const FORMAT_FILE = 'format'
export const FORMAT_VERSION = 1

export type StoreNetwork = Pick<NetworkParams, 'name' | 'magic' | 'genesisHash'>

const FORMAT = /^format (\d+)\nnetwork (.+)\nmagic ([0-9a-f]{8})\ngenesis ([0-9a-f]{64})\n$/

export async function writeFormat(dir: string, network: StoreNetwork): Promise<void> {
  const { name, genesisHash } = network
  const text = `format ${FORMAT_VERSION}\nnetwork ${name}\nmagic ${magicText(network)}\ngenesis ${hashToHex(genesisHash)}\n`
  await writeFileAtomically(join(dir, FORMAT_FILE), text)
}

/** Is the folder marked as a store? Throws UserError if it is one, but not for this program and network. */
export async function checkFormat(dir: string, network: StoreNetwork): Promise<boolean> {
  const path = join(dir, FORMAT_FILE)
  const bytes = await readIfThere(path)
  if (bytes === undefined) return false
  const text = latin1Decode(bytes)
  const [, version] = /^format (\d{1,9})\n/.exec(text) ?? []
  if (version !== undefined && Number(version) > FORMAT_VERSION)
    throw new UserError(
      `the chain in ${dir} was written by a newer version of this program: update, or choose another data directory with --datadir=DIR`,
    )
  const [, layout, name, ...chain] = FORMAT.exec(text) ?? []
  if (Number(layout) !== FORMAT_VERSION)
    throw new UserError(`${path} is damaged: restore it, or move ${dir} away to start anew`)
  const [magic, genesis] = [magicText(network), hashToHex(network.genesisHash)]
  if (chain[0] !== magic || chain[1] !== genesis)
    throw new UserError(
      `${dir} holds the chain of ${name}, which is not the one asked for (${network.name}, genesis ${genesis}): choose another data directory with --datadir=DIR`,
    )
  return true
}

function magicText({ magic }: StoreNetwork): string {
  return magic.toString(16).padStart(8, '0')
}
