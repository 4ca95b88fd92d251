/** A chain that is deleted is gone as a whole, or will be. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { deleteChain, finishDeletion } from '../../src/node/chain-deletion.ts'

const home = mkdtempSync(join(tmpdir(), 'dilithion-deletion-'))
afterAll(() => rmSync(home, { recursive: true }))

describe('the deletion of a chain', () => {
  let dir = ''

  beforeEach(() => {
    dir = join(mkdtempSync(join(home, 'data-')), 'chain')
  })

  function fill(path: string): void {
    mkdirSync(join(path, 'blocks'), { recursive: true })
    writeFileSync(join(path, 'blocks', '0'), 'x')
  }

  it('takes the whole folder, and is content where there is none', async () => {
    fill(dir)
    await deleteChain(dir)
    await deleteChain(dir)
    expect(existsSync(dir)).toBe(false)
    expect(existsSync(`${dir}.deleted`)).toBe(false)
  })

  it('is brought to its end where it was interrupted', async () => {
    fill(`${dir}.deleted`)
    fill(dir)
    await finishDeletion(dir)
    expect(existsSync(`${dir}.deleted`)).toBe(false)
    expect(existsSync(join(dir, 'blocks', '0'))).toBe(true)
    fill(`${dir}.deleted`)
    await deleteChain(dir)
    expect(existsSync(dir) || existsSync(`${dir}.deleted`)).toBe(false)
  })

  it('says in one line where the disk refuses', async () => {
    const file = join(dir, '..', 'file')
    writeFileSync(file, '')
    await expect(deleteChain(join(file, 'chain'))).rejects.toThrow(/^can't delete .*file.chain/)
  })
})
