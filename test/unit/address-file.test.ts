/** The address book on disk: what is written reads back, and what is damaged is set aside. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  ADDRESS_FILE,
  formatAddressFile,
  loadAddresses,
  parseAddressFile,
} from '../../src/node/address-file.ts'
import { AddressBook } from '../../src/pool/address-book.ts'
import type { SavedAddress, SavedAddresses } from '../../src/pool/address-row.ts'
import { trusts } from '../../src/pool/known-address.ts'
import { unixSeconds } from '../../src/primitives/brand.ts'
import { UserError } from '../../src/primitives/errors.ts'
import { formatEndpoint } from '../../src/primitives/ip.ts'
import { sha3_256 } from '../../src/primitives/sha3.ts'
import { addressAt, at, endpointOf, newBook, sourceAt } from '../../testkit/books.ts'
import { spreadAddress } from '../../testkit/sim/addresses.ts'
import { randomOfSeed } from '../../testkit/sim/world.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dilithion-addresses-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const ip = fc.uint8Array({ minLength: 16, maxLength: 16 })
const port = fc.integer({ min: 0, max: 0xffff })
const time = fc.integer({ min: 0, max: 0xffff_ffff }).map(unixSeconds)
const address: fc.Arbitrary<SavedAddress> = fc.record({
  ip,
  port,
  services: fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }),
  time,
  source: ip,
  trust: fc.constantFrom(...trusts),
  tried: fc.boolean(),
  lastTryAt: time,
  lastSuccessAt: time,
  attempts: fc.integer({ min: 0, max: 0xffff }),
})
const book: fc.Arbitrary<SavedAddresses> = fc.record({
  key: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  addresses: fc.array(address, { maxLength: 20 }),
  anchors: fc.array(fc.record({ ip, port }), { maxLength: 3 }),
})

function someBook(count = 50): SavedAddresses {
  const known = newBook()
  for (let i = 0; i < count; i++)
    known.add([addressAt(spreadAddress(i))], sourceAt('7.7.7.7', 'vouched'), at(0).unix)
  known.good(endpointOf(spreadAddress(0)), at(1))
  return known.save([endpointOf(spreadAddress(0))])
}

/** With a hash that is right for whatever is before it. */
function sealed(body: Uint8Array): Uint8Array {
  return Uint8Array.from([...body, ...sha3_256(body)])
}

describe('the file of addresses', () => {
  it('reads back as it was written', () => {
    fc.assert(
      fc.property(book, (saved) => {
        expect(parseAddressFile(formatAddressFile(saved))).toEqual(saved)
      }),
      { numRuns: 200 },
    )
  })

  it('holds a full book', () => {
    const [one] = someBook().addresses
    if (one === undefined) throw new Error('no address')
    const addresses = Array.from({ length: 81_920 }, (_, i) => ({
      ...one,
      port: i & 0xffff,
      attempts: i >> 16,
    }))
    const read = parseAddressFile(formatAddressFile({ ...someBook(), addresses }))
    expect(read?.addresses).toHaveLength(81_920)
  })

  it('caps numbers that have no room', () => {
    const saved = someBook(1)
    const addresses = saved.addresses.map((row) => ({ ...row, attempts: 1e9, time: unixSeconds(2 ** 40) }))
    const [read] = parseAddressFile(formatAddressFile({ ...saved, addresses }))?.addresses ?? []
    expect(read).toMatchObject({ attempts: 0xffff, time: 0xffff_ffff })
  })

  it('is not taken if any byte of it is another, is missing, or is too many', () => {
    const file = formatAddressFile(someBook(3))
    for (let i = 0; i < file.length; i++) {
      const damaged = file.slice()
      damaged[i] = (damaged[i] ?? 0) ^ (1 << (i % 8))
      expect(parseAddressFile(damaged)).toBeUndefined()
    }
    for (let length = 0; length < file.length; length++)
      expect(parseAddressFile(file.subarray(0, length))).toBeUndefined()
    expect(parseAddressFile(Uint8Array.from([...file, 0]))).toBeUndefined()
  })

  it('is not taken, nor is memory, if it contradicts itself under a right hash', () => {
    const body = formatAddressFile(someBook(3)).slice(0, -32)
    const lying = body.slice()
    new DataView(lying.buffer).setUint32(40, 0xffff_ffff, true)
    for (const wrong of [lying, body.subarray(0, -1), body.subarray(0, 50), Uint8Array.from([...body, 0])])
      expect(parseAddressFile(sealed(wrong))).toBeUndefined()
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        const start = body.slice(0, noise.length % body.length)
        // Whatever comes out can be taken into a book.
        const read = parseAddressFile(sealed(Uint8Array.from([...start, ...noise])))
        if (read !== undefined) new AddressBook(randomOfSeed(1), read).assertConsistent()
      }),
      { numRuns: 300 },
    )
  })

  it('may name an unknown trust, of an address that is then left out', () => {
    const body = formatAddressFile(someBook(3)).slice(0, -32)
    body[44 + 16 + 2 + 8 + 4 + 16] = 7
    expect(parseAddressFile(sealed(body))?.addresses).toHaveLength(2)
  })

  it('may hold anything, and the book made of it is consistent', () => {
    fc.assert(
      fc.property(book, (saved) => {
        const read = parseAddressFile(formatAddressFile(saved))
        new AddressBook(randomOfSeed(1), read).assertConsistent()
      }),
      { numRuns: 100 },
    )
  })
})

describe('loading', () => {
  const warnings: string[] = []
  const load = (): Promise<SavedAddresses | undefined> => {
    warnings.length = 0
    return loadAddresses(folder, (text) => warnings.push(text))
  }

  it('finds nothing at the first start', async () => {
    expect([await load(), warnings]).toEqual([undefined, []])
  })

  it('finds what was saved', async () => {
    const saved = someBook()
    await writeFile(join(folder, ADDRESS_FILE), formatAddressFile(saved))
    const read = await load()
    expect(read?.addresses).toHaveLength(saved.addresses.length)
    expect(read?.anchors.map(formatEndpoint)).toEqual(saved.anchors.map(formatEndpoint))
    expect(warnings).toEqual([])
  })

  it.each([
    ['nothing', new Uint8Array(0)],
    ['text', new TextEncoder().encode('{"not": "it"}')],
    ['half of it', formatAddressFile(someBook()).subarray(0, 700)],
  ])('sets a file of %s aside with a warning, and goes on', async (_, content) => {
    await writeFile(join(folder, ADDRESS_FILE), content)
    expect(await load()).toBeUndefined()
    expect(warnings).toEqual([expect.stringContaining('is damaged: it was set aside as ')])
    const [name = '', ...others] = await readdir(folder)
    expect([name.startsWith(`${ADDRESS_FILE}.damaged-`), others]).toEqual([true, []])
    expect(new Uint8Array(await readFile(join(folder, name)))).toEqual(new Uint8Array(content))
    expect([await load(), warnings]).toEqual([undefined, []])
  })

  it('says what is wrong with a file that can’t be read', async () => {
    await mkdir(join(folder, ADDRESS_FILE))
    await expect(load()).rejects.toThrow(UserError)
    await expect(load()).rejects.toThrow(/can't read .*addresses\.dat: /)
  })
})
