/**
 * The file `format` of a store: which layout its files have, and of which chain they are. Made with the store and
 * never changed; a later layout gets another number, and its program a way from this one to that.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { NetworkParams } from '../params/networks.ts'
import { hashToHex } from '../primitives/bytes.ts'
import { errorCode, UserError } from '../primitives/errors.ts'
import { writeFileAtomically } from './atomic-file.ts'

export const FORMAT_FILE = 'format'
export const FORMAT_VERSION = 1

export type StoreNetwork = Pick<NetworkParams, 'name' | 'magic' | 'genesisHash'>

export async function writeFormat(dir: string, network: StoreNetwork): Promise<void> {
  await writeFileAtomically(join(dir, FORMAT_FILE), formatText(network))
}

/** Undefined if there is none. Throws UserError if it is not for this program and network. */
export async function checkFormat(dir: string, network: StoreNetwork): Promise<'fits' | undefined> {
  const path = join(dir, FORMAT_FILE)
  const text = await readIfThere(path)
  if (text === undefined) return undefined
  const fields = new Map(text.split('\n').map((line) => splitOnce(line)))
  const version = Number(fields.get('format') ?? Number.NaN)
  if (version > FORMAT_VERSION)
    throw new UserError(
      `the chain in ${dir} was written by a newer version of this program: update, or choose another data directory with --datadir=DIR`,
    )
  const own = new Map(
    formatText(network)
      .split('\n')
      .map((line) => splitOnce(line)),
  )
  if (version !== FORMAT_VERSION || !['network', 'magic', 'genesis'].every((name) => fields.has(name)))
    throw new UserError(`${path} is damaged: restore it, or move ${dir} away to start anew`)
  if (fields.get('magic') !== own.get('magic') || fields.get('genesis') !== own.get('genesis'))
    throw new UserError(
      `${dir} holds the chain of ${fields.get('network')}, which is not the one asked for (${network.name}, genesis ${own.get('genesis')}): choose another data directory with --datadir=DIR`,
    )
  return 'fits'
}

function formatText({ name, magic, genesisHash }: StoreNetwork): string {
  return [
    `format ${FORMAT_VERSION}`,
    `network ${name}`,
    `magic ${magic.toString(16).padStart(8, '0')}`,
    `genesis ${hashToHex(genesisHash)}`,
    '',
  ].join('\n')
}

function splitOnce(line: string): [name: string, value: string] {
  const at = line.indexOf(' ')
  return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1)]
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}
