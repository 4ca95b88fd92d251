/** The address book: who gets a place, who gives way, who is chosen, and what outlasts a restart. */
import { describe, expect, it } from 'vitest'
import {
  ADDRESS_COLLISION_TEST_SECONDS,
  ADDRESS_HORIZON_SECONDS,
  ADDRESS_REPLACEMENT_SECONDS,
  ADDRESS_RETRY_MAX_MS,
  ADDRESS_RETRY_MIN_MS,
  ADDRESS_WEEK_SECONDS,
  MAX_ADDRESS_COLLISIONS,
  MAX_ADDRESS_FAILURES,
  MAX_ADDRESS_REFERENCES,
  MAX_ADDRESS_RETRIES,
  PROVEN_AFTER_MS,
  TOLD_PROVEN_AFTER_MS,
} from '../../src/params/limits.ts'
import { AddressBook } from '../../src/pool/address-book.ts'
import { AddressSlots } from '../../src/pool/address-slots.ts'
import { chanceOf, isTerrible, type KnownAddress, retryTime } from '../../src/pool/known-address.ts'
import { netGroup } from '../../src/pool/net-group.ts'
import { monoMs, unixSeconds } from '../../src/primitives/brand.ts'
import { formatEndpoint, formatIp } from '../../src/primitives/ip.ts'
import {
  addressAt,
  allClasses,
  anybody,
  at,
  DAY_ZERO,
  EVER,
  endpointOf,
  newBook,
  selectAny,
  sourceAt,
} from '../../testkit/books.ts'
import { crowdAddress, spreadAddress } from '../../testkit/sim/addresses.ts'
import { randomOfSeed } from '../../testkit/sim/world.ts'

const DAY = 86_400
const HOUR = 3_600
const NOW = at(0)

function addOne(book: AddressBook, ip: string, source = sourceAt('7.7.7.7'), time = DAY_ZERO): KnownAddress {
  book.add([addressAt(ip, time)], source, NOW.unix)
  return found(book, ip)
}

function found(book: AddressBook, ip: string): KnownAddress {
  const row = book.find(endpointOf(ip))
  if (row === undefined) throw new Error(`${ip} is not in the book`)
  return row
}

function slotsOf(book: AddressBook, ip: string): number {
  return (found(book, ip) as KnownAddress & { slots: number[] }).slots.length
}

/** Where an address would stand in `tried` of a book with this key. */
function triedSlot(slots: AddressSlots<unknown>, ip: string): number {
  const endpoint = endpointOf(ip)
  return slots.triedSlot({ ...endpoint, group: netGroup(endpoint.ip) })
}

/** Two addresses that want the same place in `tried`, with a book in which both stand in `new`. */
function rivals(): { book: AddressBook; holder: string; newcomer: string } {
  const book = newBook()
  const slots = new AddressSlots<unknown>(book.save([]).key)
  const seen = new Map<number, string>()
  for (let i = 0; ; i++) {
    // Of one group: it reaches 512 places, so two meet soon.
    const ip = `9.1.${i >> 8}.${i & 0xff}`
    const slot = triedSlot(slots, ip)
    const other = seen.get(slot)
    seen.set(slot, ip)
    if (other === undefined) continue
    addOne(book, other, sourceAt('7.7.7.7'))
    addOne(book, ip, sourceAt('8.8.8.8'))
    if (book.size === 2) return { book, holder: other, newcomer: ip }
  }
}

describe('adding', () => {
  it('counts who is new, once', () => {
    const book = newBook()
    const addresses = [addressAt('9.1.0.1'), addressAt('9.2.0.1'), addressAt('9.1.0.1')]
    expect(book.add(addresses, sourceAt('7.7.7.7'), NOW.unix)).toBe(2)
    expect(book.add(addresses, sourceAt('7.7.7.7'), NOW.unix)).toBe(0)
    expect([book.size, book.newCount, book.triedCount]).toEqual([2, 2, 0])
    book.assertConsistent()
  })

  it('keeps ports of one host apart', () => {
    const book = newBook()
    book.add(
      [addressAt('9.1.0.1', DAY_ZERO, 1), addressAt('9.1.0.1', DAY_ZERO, 2)],
      sourceAt('7.7.7.7'),
      NOW.unix,
    )
    expect(book.size).toBe(2)
  })

  it('does not keep the message alive that an address came in', () => {
    const message = new Uint8Array(1_000_000)
    message.set(endpointOf('9.1.0.1').ip)
    const book = newBook()
    const address = { ...addressAt('9.1.0.1'), ip: message.subarray(0, 16) }
    book.add([address], { ...sourceAt('7.7.7.7'), ip: message.subarray(0, 16) }, NOW.unix)
    const row = found(book, '9.1.0.1')
    expect([row.ip.buffer.byteLength, row.source.buffer.byteLength]).toEqual([16, 16])
    message.fill(0)
    expect(formatIp(row.ip)).toBe('9.1.0.1')
  })

  it.each([
    ['now', 0, 0],
    ['ten minutes ahead', 600, 600],
    ['further ahead', 601, -5 * DAY],
    ['never', -DAY_ZERO, -5 * DAY],
    ['in 1970', 100_000_000 - DAY_ZERO, -5 * DAY],
    ['a year ago', -365 * DAY, -365 * DAY],
    ['the last second there is', 0xffff_ffff - DAY_ZERO, -5 * DAY],
  ])('believes a time that is plausible: %s', (_, told, believed) => {
    expect(addOne(newBook(), '9.1.0.1', sourceAt('7.7.7.7'), unixSeconds(DAY_ZERO + told)).time).toBe(
      DAY_ZERO + believed,
    )
  })

  it('takes hearsay for older than it says', () => {
    expect(addOne(newBook(), '9.1.0.1', sourceAt('7.7.7.7', 'told', 7_200)).time).toBe(DAY_ZERO - 7_200)
  })

  it('works before the clock was ever set', () => {
    const book = newBook()
    book.add([addressAt('9.1.0.1', 5)], sourceAt('7.7.7.7', 'told', 7_200), unixSeconds(0))
    expect(found(book, '9.1.0.1').time).toBe(0)
    book.assertConsistent()
  })

  it('raises the time of a known address at most hourly, and daily for one that was not seen today', () => {
    const book = newBook()
    addOne(book, '9.1.0.1')
    const again = (time: number, now: number): number => {
      book.add([addressAt('9.1.0.1', time)], sourceAt('7.7.7.7'), unixSeconds(now))
      return found(book, '9.1.0.1').time - DAY_ZERO
    }
    expect(again(DAY_ZERO + HOUR, DAY_ZERO + HOUR)).toBe(0)
    expect(again(DAY_ZERO + HOUR + 1, DAY_ZERO + HOUR + 1)).toBe(HOUR + 1)
    expect(again(DAY_ZERO, DAY_ZERO + 2 * HOUR)).toBe(HOUR + 1)
    // Told as seen two days ago: it has to be a day newer than what is known.
    expect(again(DAY_ZERO + DAY, DAY_ZERO + 3 * DAY)).toBe(HOUR + 1)
    expect(again(DAY_ZERO + DAY + HOUR + 2, DAY_ZERO + 3 * DAY)).toBe(DAY + HOUR + 2)
  })

  it('corrects a time that a clock which was ahead has left', () => {
    const book = newBook()
    book.add(
      [addressAt('9.1.0.1', DAY_ZERO + 30 * DAY)],
      sourceAt('7.7.7.7'),
      unixSeconds(DAY_ZERO + 30 * DAY),
    )
    expect(isTerrible(found(book, '9.1.0.1'), NOW.unix)).toBe(true)
    book.add([addressAt('9.1.0.1', DAY_ZERO - HOUR)], sourceAt('7.7.7.7'), NOW.unix)
    expect(found(book, '9.1.0.1').time).toBe(DAY_ZERO - HOUR)
    expect(isTerrible(found(book, '9.1.0.1'), NOW.unix)).toBe(false)
  })

  it('learns services, and unlearns none', () => {
    const book = newBook()
    addOne(book, '9.1.0.1')
    book.add([{ ...addressAt('9.1.0.1'), services: 8n }], sourceAt('7.7.7.7'), NOW.unix)
    expect(found(book, '9.1.0.1').services).toBe(9n)
  })
})

describe('trust', () => {
  it('is raised by better sources, and lowered by none', () => {
    const book = newBook()
    const trustAfter = (trust: 'told' | 'vouched'): string =>
      addOne(book, '9.1.0.1', sourceAt('7.7.7.7', trust)).trust
    expect([trustAfter('told'), trustAfter('vouched'), trustAfter('told')]).toEqual([
      'told',
      'vouched',
      'vouched',
    ])
    book.served(endpointOf('9.1.0.1'), PROVEN_AFTER_MS)
    expect([trustAfter('told'), trustAfter('vouched')]).toEqual(['proven', 'proven'])
    book.served(endpointOf('9.1.0.1'), 0)
    book.failed(endpointOf('9.1.0.1'), NOW.mono)
    expect(found(book, '9.1.0.1').trust).toBe('proven')
    book.assertConsistent()
  })

  it.each([
    ['vouched', PROVEN_AFTER_MS],
    ['told', TOLD_PROVEN_AFTER_MS],
  ] as const)('of who was %s becomes proven after %i ms of service', (trust, ms) => {
    const book = newBook()
    addOne(book, '9.1.0.1', sourceAt('7.7.7.7', trust))
    book.served(endpointOf('9.1.0.1'), ms - 1)
    expect(found(book, '9.1.0.1').trust).toBe(trust)
    book.served(endpointOf('9.1.0.1'), ms)
    expect(found(book, '9.1.0.1').trust).toBe('proven')
    book.assertConsistent()
  })

  it('decides which class an address is chosen from', () => {
    const book = newBook()
    addOne(book, '9.1.0.1', sourceAt('7.7.7.7', 'vouched'))
    const holding = (): string =>
      allClasses.filter(([table, trust]) => book.select(table, trust, EVER, anybody) !== undefined).join()
    expect(holding()).toBe('new,vouched')
    book.good(endpointOf('9.1.0.1'), NOW)
    expect(holding()).toBe('tried,vouched')
    book.served(endpointOf('9.1.0.1'), PROVEN_AFTER_MS)
    expect(holding()).toBe('tried,proven')
  })
})

describe('multiplicity', () => {
  it('grows with the groups of sources, up to eight places, each half as likely as the last', () => {
    const book = newBook()
    const places: number[] = []
    for (let i = 0; i < 4_000; i++) {
      book.add([addressAt('9.1.0.1')], sourceAt(spreadAddress(i)), NOW.unix)
      places.push(slotsOf(book, '9.1.0.1'))
    }
    expect(places[0]).toBe(1)
    expect(places.at(-1)).toBe(MAX_ADDRESS_REFERENCES)
    for (const [i, count] of places.entries()) expect(count).toBeGreaterThanOrEqual(places[i - 1] ?? 0)
    expect(places.indexOf(8) - places.indexOf(7)).toBeGreaterThan(places.indexOf(3) - places.indexOf(2))
    expect(book.size).toBe(1)
    book.assertConsistent()
  })

  it('does not grow by what one source says again and again', () => {
    const book = newBook()
    for (let i = 0; i < 500; i++) addOne(book, '9.1.0.1')
    expect(slotsOf(book, '9.1.0.1')).toBe(1)
  })

  it('ends when the address is tried', () => {
    const book = newBook()
    for (let i = 0; i < 200; i++) addOne(book, '9.1.0.1', sourceAt(spreadAddress(i)))
    expect(slotsOf(book, '9.1.0.1')).toBeGreaterThan(1)
    book.good(endpointOf('9.1.0.1'), NOW)
    expect(slotsOf(book, '9.1.0.1')).toBe(1)
    for (let i = 0; i < 200; i++) addOne(book, '9.1.0.1', sourceAt(spreadAddress(i)))
    expect(slotsOf(book, '9.1.0.1')).toBe(1)
    expect([book.newCount, book.triedCount]).toEqual([0, 1])
    book.assertConsistent()
  })
})

describe('places', () => {
  const bucketsOf = (slots: Iterable<number>): number => new Set([...slots].map((slot) => slot >> 6)).size

  it('of what one group of sources tells are in 64 buckets of new', () => {
    const slots = new AddressSlots<unknown>(new Uint8Array(32).fill(5))
    const source = netGroup(endpointOf('7.7.7.7').ip)
    const reached = Array.from({ length: 8_000 }, (_, i) => {
      const endpoint = endpointOf(spreadAddress(i))
      return slots.newSlot({ ...endpoint, group: netGroup(endpoint.ip) }, source)
    })
    expect(bucketsOf(reached)).toBeLessThanOrEqual(64)
    expect(bucketsOf(reached)).toBeGreaterThan(55)
    expect(Math.max(...reached)).toBeLessThan(65_536)
  })

  it('of one group from one source are in a single bucket', () => {
    const slots = new AddressSlots<unknown>(new Uint8Array(32).fill(5))
    const reached = Array.from({ length: 2_000 }, (_, i) => {
      const endpoint = endpointOf(`9.1.${i >> 8}.${i & 0xff}`)
      return slots.newSlot({ ...endpoint, group: netGroup(endpoint.ip) }, netGroup(endpointOf('7.7.7.7').ip))
    })
    expect(bucketsOf(reached)).toBe(1)
    expect(new Set(reached).size).toBe(64)
  })

  it('of one group in tried are in eight buckets', () => {
    const slots = new AddressSlots<unknown>(new Uint8Array(32).fill(5))
    const reached = Array.from({ length: 4_000 }, (_, i) => triedSlot(slots, `9.1.${i >> 8}.${i & 0xff}`))
    expect(bucketsOf(reached)).toBeLessThanOrEqual(8)
    expect(bucketsOf(reached)).toBeGreaterThan(5)
    expect(Math.max(...reached)).toBeLessThan(16_384)
  })

  it('follow from the key', () => {
    const place = (byte: number): number =>
      triedSlot(new AddressSlots(new Uint8Array(32).fill(byte)), '9.1.0.1')
    expect(place(1)).toBe(place(1))
    expect(place(1)).not.toBe(place(2))
    expect(() => new AddressSlots(new Uint8Array(31))).toThrow(RangeError)
  })

  it('let one source, whatever it tells, have at most 4,096 addresses', () => {
    const book = newBook()
    const addresses = Array.from({ length: 30_000 }, (_, i) => addressAt(crowdAddress(i, 200)))
    book.add(addresses, sourceAt('7.7.7.7'), NOW.unix)
    expect(book.size).toBeLessThanOrEqual(4_096)
    expect(book.size).toBeGreaterThan(1_000)
    book.assertConsistent()
  })

  it('let eight groups behind one source have at most 512 addresses', () => {
    const book = newBook()
    const addresses = Array.from({ length: 10_000 }, (_, i) => addressAt(crowdAddress(i, 8)))
    book.add(addresses, sourceAt('7.7.7.7'), NOW.unix)
    expect(book.size).toBeLessThanOrEqual(512)
    book.assertConsistent()
  })

  it('are not taken from who is known and alive by others of the same kind', () => {
    const book = newBook()
    const honest = Array.from({ length: 20 }, (_, i) => spreadAddress(i))
    for (const ip of honest) addOne(book, ip, sourceAt(ip, 'vouched'))
    for (let i = 0; i < 40; i++) {
      const addresses = Array.from({ length: 1_000 }, (_, j) => addressAt(crowdAddress(1_000 * i + j, 8)))
      book.add(addresses, sourceAt(crowdAddress(i, 8)), NOW.unix)
    }
    for (const ip of honest) expect(book.find(endpointOf(ip)), ip).toBeDefined()
    book.assertConsistent()
  })
})

describe('who gives way', () => {
  /** Two addresses for one place of `new`. */
  function meeting(): { book: AddressBook; holder: string; newcomer: string } {
    const book = newBook()
    const slots = new AddressSlots<unknown>(book.save([]).key)
    const seen = new Map<number, string>()
    for (let i = 0; ; i++) {
      const ip = `9.1.0.${i}`
      const endpoint = endpointOf(ip)
      const slot = slots.newSlot(
        { ...endpoint, group: netGroup(endpoint.ip) },
        netGroup(endpointOf('7.7.7.7').ip),
      )
      const holder = seen.get(slot)
      if (holder !== undefined) return { book, holder, newcomer: ip }
      seen.set(slot, ip)
    }
  }

  const has = (book: AddressBook, ip: string): boolean => book.find(endpointOf(ip)) !== undefined

  it('is not a good address', () => {
    const { book, holder, newcomer } = meeting()
    addOne(book, holder)
    expect(book.add([addressAt(newcomer)], sourceAt('7.7.7.7'), NOW.unix)).toBe(0)
    expect([has(book, holder), has(book, newcomer)]).toEqual([true, false])
  })

  it('is a terrible one', () => {
    const { book, holder, newcomer } = meeting()
    addOne(book, holder, sourceAt('7.7.7.7'), unixSeconds(DAY_ZERO - ADDRESS_HORIZON_SECONDS - 1))
    expect(book.add([addressAt(newcomer)], sourceAt('7.7.7.7'), NOW.unix)).toBe(1)
    expect([has(book, holder), has(book, newcomer)]).toEqual([false, true])
    book.assertConsistent()
  })

  it('is hearsay for what somebody vouches for, and not the other way round', () => {
    const { book, holder, newcomer } = meeting()
    addOne(book, holder)
    addOne(book, newcomer, sourceAt('7.7.7.7', 'vouched'))
    expect(has(book, holder)).toBe(false)
    book.add([addressAt(holder)], sourceAt('7.7.7.7'), NOW.unix)
    expect([has(book, holder), has(book, newcomer)]).toEqual([false, true])
    book.assertConsistent()
  })

  it('is one with a further place for one that has none', () => {
    const { book, holder, newcomer } = meeting()
    addOne(book, holder)
    while (slotsOf(book, holder) < 2)
      for (let i = 0; i < 50; i++) book.add([addressAt(holder)], sourceAt(spreadAddress(i)), NOW.unix)
    const before = slotsOf(book, holder)
    expect(book.add([addressAt(newcomer)], sourceAt('7.7.7.7'), NOW.unix)).toBe(1)
    expect([slotsOf(book, holder), slotsOf(book, newcomer)]).toEqual([before - 1, 1])
    book.assertConsistent()
  })
})

describe('a terrible address', () => {
  const row = (change: Partial<KnownAddress>): KnownAddress => ({
    ...addOne(newBook(), '9.1.0.1'),
    time: DAY_ZERO,
    ...change,
  })
  const unix = (seconds: number) => unixSeconds(DAY_ZERO + seconds)

  it.each<[string, boolean, Partial<KnownAddress>]>([
    ['seen now', false, {}],
    ['not heard of for a month', true, { time: unix(-ADDRESS_HORIZON_SECONDS - 1) }],
    ['heard of a month ago', false, { time: unix(-ADDRESS_HORIZON_SECONDS) }],
    ['from the future', true, { time: unix(601) }],
    ['tried in vain three times', true, { attempts: MAX_ADDRESS_RETRIES }],
    ['tried in vain twice', false, { attempts: MAX_ADDRESS_RETRIES - 1 }],
    [
      'tried in vain often since last week',
      false,
      { attempts: 99, lastSuccessAt: unix(-ADDRESS_WEEK_SECONDS) },
    ],
    [
      'tried in vain often for more than a week',
      true,
      { attempts: MAX_ADDRESS_FAILURES, lastSuccessAt: unix(-ADDRESS_WEEK_SECONDS - 1) },
    ],
    [
      'tried in vain some times for more than a week',
      false,
      { attempts: MAX_ADDRESS_FAILURES - 1, lastSuccessAt: unix(-ADDRESS_WEEK_SECONDS - 1) },
    ],
    ['tried in the last minute, whatever else', false, { attempts: 99, lastTryAt: unix(-59) }],
    ['tried a minute ago', true, { attempts: 99, lastTryAt: unix(-60) }],
    ['tried by a clock that was ahead', true, { attempts: 99, lastTryAt: unix(86_400) }],
  ])('%s: %s', (_, terrible, change) => {
    expect(isTerrible(row(change), NOW.unix)).toBe(terrible)
  })

  it('is not told to others', () => {
    const book = newBook()
    addOne(book, '9.1.0.1', sourceAt('7.7.7.7'), unixSeconds(DAY_ZERO - ADDRESS_HORIZON_SECONDS - 1))
    expect(book.sample(10, 1, NOW.unix, anybody)).toEqual([])
  })
})

describe('waiting', () => {
  it('doubles with each failure up to a maximum, with jitter', () => {
    const wait = (attempts: number, jitter: number): number => retryTime(attempts, monoMs(0), jitter)
    expect(wait(0, 0.5)).toBe(ADDRESS_RETRY_MIN_MS)
    expect([1, 2, 3, 4].map((n) => wait(n, 0.5) / ADDRESS_RETRY_MIN_MS)).toEqual([2, 4, 8, 16])
    expect(wait(5, 0.5)).toBe(ADDRESS_RETRY_MAX_MS)
    expect(wait(1_000_000, 0.5)).toBe(ADDRESS_RETRY_MAX_MS)
    expect([wait(0, 0), wait(0, 1)]).toEqual([0.75 * ADDRESS_RETRY_MIN_MS, 1.25 * ADDRESS_RETRY_MIN_MS])
  })

  it('keeps an address from being chosen until it is over', () => {
    const book = newBook()
    addOne(book, '9.1.0.1')
    const endpoint = endpointOf('9.1.0.1')
    book.attempted(endpoint, NOW)
    const { retryAt } = found(book, '9.1.0.1')
    expect(retryAt).toBeGreaterThanOrEqual(0.75 * ADDRESS_RETRY_MIN_MS)
    expect(selectAny(book, monoMs(retryAt - 1))).toBeUndefined()
    expect(selectAny(book, retryAt)).toBeDefined()
    book.failed(endpoint, monoMs(10_000))
    expect(found(book, '9.1.0.1').retryAt - 10_000).toBeGreaterThanOrEqual(1.5 * ADDRESS_RETRY_MIN_MS)
    book.postpone(endpoint, monoMs(5_000_000))
    expect(selectAny(book, monoMs(4_999_999))).toBeUndefined()
    book.good(endpoint, at(1))
    expect(selectAny(book, monoMs(0))).toBeDefined()
  })

  it('makes an address that fails less likely to be drawn', () => {
    const row = addOne(newBook(), '9.1.0.1')
    const chances = [0, 1, 2, 8, 9, 1_000].map((attempts) => chanceOf({ ...row, attempts }))
    expect(chances[0]).toBe(1)
    expect(chances[1]).toBeCloseTo(0.66)
    expect(chances[2]).toBeCloseTo(0.66 ** 2)
    expect(chances[4]).toBe(chances[3])
    expect(chances[5]).toBe(chances[3])
  })

  it('does nothing about addresses that are not there', () => {
    const book = newBook()
    const nobody = endpointOf('9.9.9.9')
    book.attempted(nobody, NOW)
    book.failed(nobody, NOW.mono)
    book.good(nobody, NOW)
    book.postpone(nobody, EVER)
    book.served(nobody, 1e9)
    expect([book.remove(nobody), book.size, book.revision]).toEqual([false, 0, 0])
  })
})

describe('selection', () => {
  it.each([0, 1, 20, 60_000])('ends with %i addresses, whoever is refused', { timeout: 30_000 }, (count) => {
    const book = newBook()
    for (let i = 0; i < count; i += 100) {
      const addresses = Array.from({ length: Math.min(100, count - i) }, (_, j) =>
        addressAt(spreadAddress(i + j)),
      )
      book.add(addresses, sourceAt(spreadAddress(7 * i), 'vouched'), NOW.unix)
    }
    expect(book.size).toBeGreaterThanOrEqual(0.8 * Math.min(count, 40_000))
    let asked = 0
    const refuse = (): boolean => ++asked < 0
    expect(selectAny(book, EVER, refuse)).toBeUndefined()
    expect(asked).toBeLessThanOrEqual(book.size + 6 * 24)
    expect(selectAny(book) !== undefined).toBe(count > 0)
    expect(selectAny(book, monoMs(-1))).toBeUndefined()
    const [one] = book.all()
    // The one that fits is found, however many don't.
    if (one !== undefined) expect(selectAny(book, EVER, (row) => row === one)).toBe(one)
    for (const { ip, port } of [...book.all()].slice(0, 5_000)) book.failed({ ip, port }, NOW.mono)
    expect(selectAny(book) !== undefined).toBe(count > 0)
  })

  it('finds addresses that have failed often, if there are no others', () => {
    const book = newBook()
    addOne(book, '9.1.0.1')
    for (let i = 0; i < 100; i++) book.failed(endpointOf('9.1.0.1'), NOW.mono)
    for (let i = 0; i < 100; i++) expect(selectAny(book)).toBeDefined()
  })

  it('draws networks, not addresses', () => {
    const book = newBook()
    for (let i = 0; i < 8; i++) addOne(book, spreadAddress(i), sourceAt(spreadAddress(i)))
    const crowd = Array.from({ length: 3_000 }, (_, i) => addressAt(crowdAddress(i, 2)))
    for (let i = 0; i < 20; i++) book.add(crowd, sourceAt(spreadAddress(100 + i)), NOW.unix)
    expect(book.size).toBeGreaterThan(1_000)
    let ofCrowd = 0
    for (let i = 0; i < 1_000; i++)
      if (formatIp(selectAny(book)?.ip ?? new Uint8Array(16)).startsWith('150.')) ofCrowd++
    expect(ofCrowd).toBeGreaterThan(130)
    expect(ofCrowd).toBeLessThan(270)
  })

  it('gives everybody a turn', () => {
    const book = newBook()
    for (let i = 0; i < 20; i++) addOne(book, spreadAddress(i))
    const seen = new Set<string>()
    for (let i = 0; i < 500; i++) seen.add(formatEndpoint(selectAny(book) ?? endpointOf('0.0.0.0')))
    expect(seen.size).toBe(20)
  })
})

describe('a place in tried', () => {
  it('is free for whoever answers first', () => {
    const { book, holder } = rivals()
    book.good(endpointOf(holder), NOW)
    expect(found(book, holder)).toMatchObject({ tried: true, attempts: 0, lastSuccessAt: NOW.unix })
    expect([book.triedCount, book.newCount]).toEqual([1, 1])
    book.good(endpointOf(holder), at(5))
    expect([book.triedCount, book.newCount]).toEqual([1, 1])
    book.assertConsistent()
  })

  it('is not given to another before its holder was tested', () => {
    const { book, holder, newcomer } = rivals()
    book.good(endpointOf(holder), NOW)
    const later = at(ADDRESS_REPLACEMENT_SECONDS + 1)
    book.good(endpointOf(newcomer), later)
    expect(found(book, newcomer).tried).toBe(false)
    expect(book.nextCollision()).toBe(found(book, holder))
    book.settleCollisions(later.unix)
    expect([found(book, holder).tried, found(book, newcomer).tried]).toEqual([true, false])
    expect(book.nextCollision()).toBeDefined()
    book.assertConsistent()
  })

  it('stays with a holder that answers', () => {
    const { book, holder, newcomer } = rivals()
    book.good(endpointOf(holder), NOW)
    const later = at(ADDRESS_REPLACEMENT_SECONDS + 1)
    book.good(endpointOf(newcomer), later)
    book.attempted(endpointOf(holder), later)
    book.good(endpointOf(holder), later)
    book.settleCollisions(later.unix)
    expect([found(book, holder).tried, found(book, newcomer).tried]).toEqual([true, false])
    expect(book.nextCollision()).toBeUndefined()
    book.assertConsistent()
  })

  it('stays with a holder that answered in the last hours, untested', () => {
    const { book, holder, newcomer } = rivals()
    book.good(endpointOf(holder), NOW)
    book.good(endpointOf(newcomer), at(1))
    book.settleCollisions(unixSeconds(DAY_ZERO + ADDRESS_REPLACEMENT_SECONDS - 1))
    expect(book.nextCollision()).toBeUndefined()
    expect(found(book, holder).tried).toBe(true)
  })

  it('is not kept by an answer that a clock which was ahead has dated', () => {
    const { book, holder, newcomer } = rivals()
    book.good(endpointOf(holder), at(30 * DAY))
    book.good(endpointOf(newcomer), at(1))
    book.settleCollisions(at(1).unix)
    expect(book.nextCollision()).toBe(found(book, holder))
    book.failed(endpointOf(holder), at(2).mono)
    book.settleCollisions(at(2).unix)
    expect([found(book, holder).tried, found(book, newcomer).tried]).toEqual([false, true])
  })

  it('is lost by a holder that fails, which goes back to new', () => {
    const { book, holder, newcomer } = rivals()
    book.good(endpointOf(holder), NOW)
    const later = at(ADDRESS_REPLACEMENT_SECONDS + 1)
    book.good(endpointOf(newcomer), later)
    book.failed(endpointOf(holder), later.mono)
    book.settleCollisions(later.unix)
    expect([found(book, holder).tried, found(book, newcomer).tried]).toEqual([false, true])
    expect([book.triedCount, book.newCount]).toEqual([1, 1])
    expect(book.nextCollision()).toBeUndefined()
    book.assertConsistent()
  })

  it('is not lost for a failure of long ago: the holder is tested now', () => {
    const { book, holder, newcomer } = rivals()
    book.good(endpointOf(holder), NOW)
    book.failed(endpointOf(holder), at(60).mono)
    const later = at(ADDRESS_REPLACEMENT_SECONDS + 1)
    book.good(endpointOf(newcomer), later)
    book.settleCollisions(later.unix)
    expect([found(book, holder).tried, found(book, newcomer).tried]).toEqual([true, false])
    expect(book.nextCollision()).toBe(found(book, holder))
    book.failed(endpointOf(holder), later.mono)
    book.settleCollisions(later.unix)
    expect([found(book, holder).tried, found(book, newcomer).tried]).toEqual([false, true])
    book.assertConsistent()
  })

  it('is lost by a holder that could not be tested in time', () => {
    const { book, holder, newcomer } = rivals()
    book.good(endpointOf(holder), NOW)
    const later = ADDRESS_REPLACEMENT_SECONDS + 1
    book.good(endpointOf(newcomer), at(later))
    book.settleCollisions(at(later + ADDRESS_COLLISION_TEST_SECONDS).unix)
    expect(found(book, newcomer).tried).toBe(false)
    book.settleCollisions(at(later + ADDRESS_COLLISION_TEST_SECONDS + 1).unix)
    expect([found(book, holder).tried, found(book, newcomer).tried]).toEqual([false, true])
    book.assertConsistent()
  })

  it.each(['holder', 'newcomer'] as const)('is settled when the %s is removed', (who) => {
    const { book, ...both } = rivals()
    book.good(endpointOf(both.holder), NOW)
    book.good(endpointOf(both.newcomer), at(1))
    expect(book.remove(endpointOf(both[who]))).toBe(true)
    book.assertConsistent()
    book.settleCollisions(at(2).unix)
    expect(book.nextCollision()).toBeUndefined()
    const left = who === 'holder' ? both.newcomer : both.holder
    expect(found(book, left).tried).toBe(true)
    book.assertConsistent()
  })

  it('is waited for by so many at once, and no more', () => {
    const book = newBook()
    const slots = new AddressSlots<unknown>(book.save([]).key)
    let waiting = 0
    const taken = new Set<number>()
    for (let i = 0; i < 3_000; i++) {
      const ip = `9.1.${i >> 8}.${i & 0xff}`
      book.add([addressAt(ip)], sourceAt(spreadAddress(i)), NOW.unix)
      if (book.find(endpointOf(ip)) === undefined) continue
      if (taken.has(triedSlot(slots, ip))) waiting++
      taken.add(triedSlot(slots, ip))
      book.good(endpointOf(ip), NOW)
    }
    expect(waiting).toBeGreaterThan(100)
    const before = new Set([...book.all()].filter((row) => row.tried))
    book.settleCollisions(at(ADDRESS_REPLACEMENT_SECONDS + ADDRESS_COLLISION_TEST_SECONDS + 1).unix)
    const risen = [...book.all()].filter((row) => row.tried && !before.has(row))
    expect(risen).toHaveLength(MAX_ADDRESS_COLLISIONS)
    expect(book.triedCount).toBe(before.size)
    book.assertConsistent()
  })
})

describe('a sample', () => {
  const bookOf = (count: number): AddressBook => {
    const book = newBook()
    for (let i = 0; i < count; i++)
      book.add([addressAt(spreadAddress(i))], sourceAt(spreadAddress(i)), NOW.unix)
    return book
  }

  it.each([
    [1, 1],
    [4, 1],
    [100, 23],
    [5_000, 1_000],
  ])('of %i addresses shows %i', (count, shown) => {
    const book = bookOf(count)
    const sample = book.sample(1_000, 0.23, NOW.unix, anybody)
    expect(sample).toHaveLength(Math.min(shown, Math.floor(0.23 * book.size) || 1))
    expect(new Set(sample.map(formatEndpoint)).size).toBe(sample.length)
  })

  it('shows other parts each time, and nothing that may not be told', () => {
    const book = bookOf(100)
    const keys = (): string => book.sample(1_000, 0.23, NOW.unix, anybody).map(formatEndpoint).sort().join()
    expect(keys()).not.toBe(keys())
    expect(book.sample(1_000, 0.23, NOW.unix, () => false)).toEqual([])
    // Those that may not be told don't count against those that may.
    expect(book.sample(1_000, 0.23, NOW.unix, ({ ip }) => (ip[15] ?? 0) < 128).length).toBe(23)
  })
})

describe('a saved book', () => {
  it('is restored with all that is known of its addresses', () => {
    const book = newBook()
    for (let i = 0; i < 500; i++) {
      const source = sourceAt(spreadAddress(3 * i), i % 2 === 0 ? 'told' : 'vouched')
      book.add([addressAt(spreadAddress(i))], source, NOW.unix)
    }
    for (let i = 0; i < 100; i++) book.good(endpointOf(spreadAddress(i)), at(i))
    for (let i = 50; i < 150; i++) book.failed(endpointOf(spreadAddress(i)), NOW.mono)
    for (let i = 0; i < 20; i++) book.served(endpointOf(spreadAddress(i)), TOLD_PROVEN_AFTER_MS)
    const restored = new AddressBook(randomOfSeed(2), structuredClone(book.save([])))
    restored.assertConsistent()
    expect([restored.size, restored.triedCount]).toEqual([book.size, book.triedCount])
    for (const row of book.all()) {
      const { retryAt: _, ...rest } = row
      const { time, trust, tried, attempts, lastSuccessAt, lastTryAt, services, source } = rest
      expect(restored.find(row)).toMatchObject({
        time,
        trust,
        tried,
        attempts,
        lastSuccessAt,
        lastTryAt,
        services,
      })
      expect(restored.find(row)?.source).toEqual(source)
    }
    expect(restored.save([]).key).toEqual(book.save([]).key)
  })

  it('may contradict itself and is put in order', () => {
    const book = newBook()
    addOne(book, '9.1.0.1')
    const saved = book.save([])
    const [one] = saved.addresses
    if (one === undefined) throw new Error('nothing was saved')
    const twice = { ...saved, addresses: [one, { ...one, tried: true }, { ...one, port: 1, tried: true }] }
    const restored = new AddressBook(randomOfSeed(2), twice)
    restored.assertConsistent()
    expect([restored.size, restored.triedCount]).toEqual([2, 1])
  })

  it('keeps its tables consistent when everything is in each other’s way', () => {
    const book = newBook()
    const all = Array.from({ length: 20_000 }, (_, i) => `9.1.${(i >> 8) & 0xff}.${i & 0xff}`)
    for (const [i, ip] of all.slice(0, 3_000).entries()) {
      book.add([addressAt(ip)], sourceAt(spreadAddress(i % 40)), NOW.unix)
      if (i % 3 === 0) book.good(endpointOf(ip), at(i))
      if (i % 7 === 0) book.settleCollisions(at(20_000 + i).unix)
    }
    book.assertConsistent()
    const restored = new AddressBook(randomOfSeed(2), book.save([]))
    restored.assertConsistent()
    expect(restored.triedCount).toBe(book.triedCount)
  })
})
