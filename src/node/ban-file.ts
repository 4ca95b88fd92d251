/**
 * Bans on disk: `banlist.json` in the data directory, readable and editable by people. A file that can't be
 * understood is set aside with a warning, never overwritten and never fatal.
 */
import { readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import type { Ban } from '../pool/ban-list.ts'
import { unixSeconds } from '../primitives/brand.ts'
import { errorCode, errorText, isTooLarge, UserError } from '../primitives/errors.ts'
import { formatSubnet, parseSubnet } from '../primitives/subnet.ts'

export const BAN_FILE = 'banlist.json'

const seconds = v.pipe(v.number(), v.integer(), v.minValue(0))

const fileSchema = v.object({
  version: v.literal(1),
  bans: v.array(
    v.object({
      subnet: v.string(),
      createdAt: seconds,
      until: seconds,
      reason: v.picklist(['misbehaving', 'manual']),
      score: v.number(),
    }),
  ),
})

export function formatBanFile(bans: readonly Ban[]): string {
  const rows = bans.map((ban) => ({ ...ban, subnet: formatSubnet(ban.subnet) }))
  return `${JSON.stringify({ version: 1, bans: rows }, null, 2)}\n`
}

/** Undefined if the text is not such a file. */
export function parseBanFile(text: string): Ban[] | undefined {
  try {
    const { bans } = v.parse(fileSchema, JSON.parse(text))
    return bans.map(({ subnet: written, createdAt, until, ...rest }) => {
      const subnet = parseSubnet(written)
      if (subnet === undefined) throw new RangeError(`not a subnet: ${written}`)
      return { subnet, createdAt: unixSeconds(createdAt), until: unixSeconds(until), ...rest }
    })
  } catch {
    return undefined
  }
}

/** Throws UserError if the file is there but can't be read. */
export async function loadBans(dataDir: string, warn: (text: string) => void): Promise<Ban[]> {
  const path = join(dataDir, BAN_FILE)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    if (!isTooLarge(error)) throw new UserError(`can't read ${path}: ${errorText(error)}`)
    text = ''
  }
  const bans = parseBanFile(text)
  if (bans !== undefined) return bans
  const aside = `${path}.damaged-${Date.now()}`
  const outcome = await rename(path, aside).then(
    () => `it was set aside as ${aside}`,
    (error: unknown) => `it can't be set aside (${errorText(error)})`,
  )
  warn(`${path} is damaged: ${outcome}, and nobody is banned`)
  return []
}
