/**
 * Chain files: a whole network in one JSON document (docs/CHAIN-FILE.md). The fields are those of NetworkParams by the
 * same names; bytes are hex as on the wire, hashes hex in display order, targets and work hex numbers. What is wrong
 * is told by the name of the field and what is expected there. Loaded only when a chain file is used. The other way is
 * in chain-file-format.ts.
 */
import * as v from 'valibot'
import type { NetworkParams } from '../params/network-params.ts'
import { printable } from '../primitives/bytes.ts'
import { err, ok, type Result } from '../primitives/result.ts'
import { contradictionIn } from './chain-file-rules.ts'
import { networkSchema } from './chain-file-schema.ts'

const MAX_SHOWN_CHARACTERS = 60

/** The network that the text of a chain file defines, or what is wrong, in one line. */
export function parseChainFile(text: string): Result<NetworkParams, string> {
  let input: unknown
  try {
    input = JSON.parse(text)
  } catch (error) {
    return err(`expected JSON: ${printable(error instanceof Error ? error.message : '')}`)
  }
  const checked = v.safeParse(networkSchema, input, { abortEarly: true })
  if (!checked.success) return err(describe(checked.issues[0]))
  const { about: _, ...fields } = checked.output
  const network: NetworkParams = { ...fields, genesisHash: fields.chain.genesis.hash }
  const contradiction = contradictionIn(network)
  return contradiction === undefined ? ok(network) : err(contradiction)
}

function describe({ path, input, message, expected }: v.BaseIssue<unknown>): string {
  const field = (path ?? [])
    .map(({ key }) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('')
    .slice(1)
  if (expected === 'never') return `${field}: chain files have no such field`
  const where = field === '' ? 'the whole' : field
  if (input === undefined) return `${where} is missing: expected ${message}`
  return `${where}: expected ${message}, got ${printable(JSON.stringify(input) ?? '', MAX_SHOWN_CHARACTERS)}`
}
