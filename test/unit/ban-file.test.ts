import { link, mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BAN_FILE, formatBanFile, loadBans, parseBanFile } from '../../src/node/ban-file.ts'
import { type Ban, FOREVER } from '../../src/pool/ban-list.ts'
import { unixSeconds } from '../../src/primitives/brand.ts'
import { parseSubnet } from '../../src/primitives/subnet.ts'
import { FileKeeper, writeFileAtomically } from '../../src/storage/atomic-file.ts'

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dilithion-bans-'))
})

afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

function bans(): Ban[] {
  return ['1.2.3.4', '2001:db8::/32'].map((text) => {
    const subnet = parseSubnet(text)
    if (subnet === undefined) throw new Error(text)
    return { subnet, createdAt: unixSeconds(5), until: FOREVER, reason: 'manual', score: 0 }
  })
}

describe('ban file', () => {
  it('gives back what was written', () => {
    expect(parseBanFile(formatBanFile(bans()))).toEqual(bans())
  })

  it.each(['', '{', '[]', '{"version":2,"bans":[]}', '{"version":1,"bans":[{"subnet":"x"}]}'])(
    'refuses %s',
    (text) => {
      expect(parseBanFile(text)).toBeUndefined()
    },
  )

  it('is empty where there is none', async () => {
    expect(await loadBans(folder, () => undefined)).toEqual([])
  })

  it('is set aside when damaged, with a warning and nothing lost', async () => {
    await writeFile(join(folder, BAN_FILE), 'half a fi')
    const warnings: string[] = []
    expect(await loadBans(folder, (text) => warnings.push(text))).toEqual([])
    expect(warnings).toHaveLength(1)
    const [aside = ''] = await readdir(folder)
    expect(await readFile(join(folder, aside), 'utf8')).toBe('half a fi')
  })
})

it('a ban file that no memory could hold is set aside as well', async () => {
  await writeFile(join(folder, 'banlist.json'), '')
  await truncate(join(folder, 'banlist.json'), 5_000_000_000)
  const warnings: string[] = []
  expect(await loadBans(folder, (text) => warnings.push(text))).toEqual([])
  expect(warnings).toEqual([expect.stringContaining('is damaged: it was set aside as ')])
})

describe('atomic files', () => {
  it('leave the old content when the new can not be written', async () => {
    const path = join(folder, 'file')
    await writeFileAtomically(path, 'old')
    await rm(`${path}.new`, { force: true })
    await expect(writeFileAtomically(join(folder, 'no', 'file'), 'new')).rejects.toThrow('ENOENT')
    expect(await readFile(path, 'utf8')).toBe('old')
    expect(await readdir(folder)).toEqual(['file'])
  })

  it('write to no file that somebody left in the way', async () => {
    const [path, other] = [join(folder, 'file'), join(folder, 'other')]
    const keeper = new FileKeeper(
      path,
      () => 'new',
      () => expect.unreachable(),
    )
    for (const [beside, write] of [
      ['.new', () => writeFileAtomically(path, 'new')],
      ['.now', () => Promise.resolve(keeper.saveNow())],
    ] as const) {
      await writeFile(other, 'kept', { mode: 0o644 })
      await link(other, path + beside)
      await write()
      expect(await readFile(other, 'utf8')).toBe('kept')
      expect(await readFile(path, 'utf8')).toBe('new')
      expect((await stat(path)).mode & 0o777).toBe(0o600)
    }
  })

  it('are kept up to date: the last content wins, whatever order writes end in', async () => {
    let content = 0
    const path = join(folder, 'file')
    const keeper = new FileKeeper(
      path,
      () => String(content),
      (error) => {
        throw error
      },
    )
    for (content = 1; content <= 50; content++) {
      if (content % 7 === 0) keeper.saveNow()
      else keeper.changed()
    }
    await keeper.idle()
    expect(await readFile(path, 'utf8')).toBe('51')
    content = 99
    keeper.saveNow()
    expect(await readFile(path, 'utf8')).toBe('99')
  })

  it('report a failure and go on', async () => {
    const errors: unknown[] = []
    const keeper = new FileKeeper(
      join(folder, 'no', 'file'),
      () => 'x',
      (error) => errors.push(error),
    )
    keeper.changed()
    await keeper.idle()
    keeper.saveNow()
    expect(errors).toHaveLength(2)
  })

  it('leave nothing of what could not be written', async () => {
    await mkdir(join(folder, 'file'))
    const errors: unknown[] = []
    const keeper = new FileKeeper(
      join(folder, 'file'),
      () => 'x',
      (error) => errors.push(error),
    )
    keeper.saveNow()
    keeper.changed()
    await keeper.idle()
    expect(errors).toHaveLength(2)
    expect(await readdir(folder)).toEqual(['file'])
  })
})
