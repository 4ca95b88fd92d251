/** What a node keeps on disk follows what happens to it. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ADDRESS_FILE, loadAddresses, parseAddressFile } from '../../src/node/address-file.ts'
import { BAN_FILE } from '../../src/node/ban-file.ts'
import { NodeFiles } from '../../src/node/files.ts'
import { DilithionNode } from '../../src/node/node.ts'
import { regtest } from '../../src/params/networks.ts'
import { unixSeconds } from '../../src/primitives/brand.ts'
import { endpointOf } from '../../testkit/books.ts'
import { spreadAddress } from '../../testkit/sim/addresses.ts'

let folder: string
let warnings: string[]
let node: DilithionNode
let files: NodeFiles

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dilithion-files-'))
  warnings = []
  files = new NodeFiles(folder, (text) => warnings.push(text))
  // Never started: it opens no socket.
  node = new DilithionNode({ network: regtest, onEvent: (event) => files.note(event) })
})

afterEach(async () => {
  await files.close()
  await rm(folder, { recursive: true, force: true })
})

const addressesOnDisk = async (): Promise<number> =>
  parseAddressFile(await readFile(join(folder, ADDRESS_FILE)))?.addresses.length ?? -1

describe('the files of a node', () => {
  it('are not written before there is a node to keep', async () => {
    files.note({ type: 'addressesChanged' })
    files.note({ type: 'unbanned', subnet: undefined })
    await files.close()
    expect(await readdir(folder)).toEqual([])
  })

  it('hold addresses when they have changed', async () => {
    files.keep(node)
    for (let i = 0; i < 5; i++) node.addKnownAddress(endpointOf(spreadAddress(i)), i === 0)
    files.note({ type: 'addressesChanged' })
    await files.close()
    expect(await addressesOnDisk()).toBe(5)
    const loaded = await loadAddresses(folder, () => undefined)
    const again = new DilithionNode({ network: regtest, addresses: loaded })
    expect(again.addressBook()).toEqual({ total: 5, fresh: 4, tried: 1 })
    expect(await readdir(folder)).toEqual([ADDRESS_FILE])
  })

  it('hold what was learned last when the node has stopped, whether it said so or not', async () => {
    files.keep(node)
    node.addKnownAddress(endpointOf(spreadAddress(1)), false)
    await files.close()
    expect(await addressesOnDisk()).toBe(1)
  })

  it('are none where nothing is known', async () => {
    files.keep(node)
    await files.close()
    expect(await readdir(folder)).toEqual([])
  })

  it('hold an operator’s bans before he is told that it is done', async () => {
    files.keep(node)
    const until = unixSeconds(4_000_000_000)
    files.note({ type: 'banned', subnet: '9.9.9.9/32', until, reason: 'manual' })
    expect(await readdir(folder)).toEqual([BAN_FILE])
    await rm(join(folder, BAN_FILE))
    files.note({ type: 'unbanned', subnet: '9.9.9.9/32' })
    expect(await readdir(folder)).toEqual([BAN_FILE])
  })

  it('hold bans of strangers soon', async () => {
    files.keep(node)
    const until = unixSeconds(4_000_000_000)
    files.note({ type: 'banned', subnet: '9.9.9.9/32', until, reason: 'misbehaving' })
    await files.close()
    expect(await readdir(folder)).toEqual([BAN_FILE])
  })

  it('that can’t be written are told of, and are not fatal', async () => {
    files.keep(node)
    node.addKnownAddress(endpointOf(spreadAddress(1)), false)
    await rm(folder, { recursive: true })
    files.note({ type: 'addressesChanged' })
    files.note({ type: 'unbanned', subnet: undefined })
    await files.close()
    expect(warnings.join('\n')).toMatch(/Can't save addresses in .*addresses\.dat: /)
    expect(warnings.join('\n')).toMatch(/Can't save bans in /)
  })
})
