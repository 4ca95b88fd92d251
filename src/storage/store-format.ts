/**
 * The file `format` of a store: which layout its files have, of which chain they are, and the secret by which it knows
 * its own records. Made with the store and never changed; a later layout gets another number, and its program a way
 * from this one to that.
 */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { NetworkParams } from '../params/networks.ts'
import { fromHex, hashToHex, latin1Decode, latin1Encode, toHex } from '../primitives/bytes.ts'
import { isTooLarge, UserError } from '../primitives/errors.ts'
import { sha3_256 } from '../primitives/sha3.ts'
import { writeFileAtomically } from './atomic-file.ts'
import type { RecordMark } from './block-record.ts'
import { readIfThere } from './if-there.ts'

const FORMAT_FILE = 'format'
const FORMAT_VERSION = 1
const SECRET_BYTES = 16

export type StoreNetwork = Pick<NetworkParams, 'name' | 'magic' | 'genesisHash'>

const FORMAT =
  /^(format 1\nnetwork (.+)\nmagic ([0-9a-f]{8})\ngenesis ([0-9a-f]{64})\nsecret ([0-9a-f]{32})\n)check ([0-9a-f]{8})\n$/

/** With a new secret. */
export async function writeFormat(dir: string, network: StoreNetwork): Promise<void> {
  const lines = [
    `format ${FORMAT_VERSION}`,
    `network ${network.name}`,
    `magic ${magicText(network)}`,
    `genesis ${hashToHex(network.genesisHash)}`,
    `secret ${toHex(randomBytes(SECRET_BYTES))}`,
    '',
  ]
  const text = lines.join('\n')
  await writeFileAtomically(join(dir, FORMAT_FILE), `${text}check ${checkOf(text)}\n`)
}

/** Undefined if the folder is no store. Throws UserError if it is one, but not for this program and network. */
export async function readFormat(dir: string, network: StoreNetwork): Promise<RecordMark | undefined> {
  const path = join(dir, FORMAT_FILE)
  const bytes = await readIfThere(path).catch((error: unknown) => {
    if (isTooLarge(error)) return new Uint8Array(0)
    throw error
  })
  if (bytes === undefined) return undefined
  const text = latin1Decode(bytes)
  const [, version] = /^format (\d{1,9})\n/.exec(text) ?? []
  if (version !== undefined && Number(version) > FORMAT_VERSION)
    throw new UserError(
      `the chain in ${dir} was written by a newer version of this program: update, or choose another data directory with --datadir=DIR`,
    )
  const [, content = '', name, magic, genesis, secretText = '', check] = FORMAT.exec(text) ?? []
  const secret = fromHex(secretText)
  if (secret === undefined || check !== checkOf(content))
    throw new UserError(`${path} is damaged: restore it, or move ${dir} away to start anew`)
  const wanted = hashToHex(network.genesisHash)
  if (magic !== magicText(network) || genesis !== wanted)
    throw new UserError(
      `${dir} holds the chain of ${name}, which is not the one asked for (${network.name}, genesis ${wanted}): choose another data directory with --datadir=DIR`,
    )
  return { magic: network.magic, secret }
}

function magicText({ magic }: StoreNetwork): string {
  return magic.toString(16).padStart(8, '0')
}

function checkOf(text: string): string {
  return toHex(sha3_256(latin1Encode(text)).subarray(0, 4))
}
