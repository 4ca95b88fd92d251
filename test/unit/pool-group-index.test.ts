import { describe, expect, it } from 'vitest'
import { GroupIndex } from '../../src/pool/group-index.ts'
import { netGroup } from '../../src/pool/net-group.ts'
import { ipOf } from '../../testkit/sim/probe.ts'
import { randomOfSeed } from '../../testkit/sim/world.ts'

interface Item {
  readonly group: string
  readonly name: string
  at: number
}

const item = (group: string, name: string): Item => ({ group, name, at: -1 })

function indexOf(sizes: Readonly<Record<string, number>>): { index: GroupIndex<Item>; items: Item[] } {
  const index = new GroupIndex<Item>()
  const items = Object.entries(sizes).flatMap(([group, size]) =>
    Array.from({ length: size }, (_, i) => item(group, `${group}${i}`)),
  )
  for (const one of items) index.add(one)
  return { index, items }
}

describe('GroupIndex', () => {
  it('has nothing to draw when it is empty, or empty again', () => {
    const { index, items } = indexOf({ a: 2, b: 1 })
    for (const one of items) index.delete(one)
    for (const empty of [index, new GroupIndex<Item>()]) {
      expect(empty.size).toBe(0)
      expect(empty.draw(randomOfSeed(1))).toBeUndefined()
      expect(empty.find(randomOfSeed(1), () => true)).toBeUndefined()
    }
  })

  it('draws groups as often as each other, whatever their size', () => {
    const { index } = indexOf({ a: 1, b: 10, c: 1_000 })
    const counts: Record<string, number> = {}
    const random = randomOfSeed(1)
    for (let i = 0; i < 3_000; i++) {
      const { group } = index.draw(random) ?? item('none', '')
      counts[group] = (counts[group] ?? 0) + 1
    }
    expect(Object.keys(counts).sort()).toEqual(['a', 'b', 'c'])
    for (const count of Object.values(counts)) expect(Math.abs(count - 1_000)).toBeLessThan(150)
  })

  it('looks at each row once when it searches, and finds the one that fits', () => {
    const { index, items } = indexOf({ a: 3, b: 1, c: 50 })
    const random = randomOfSeed(1)
    for (const wanted of items) expect(index.find(random, (row) => row === wanted)).toBe(wanted)
    const seen: Item[] = []
    expect(index.find(random, (row) => seen.push(row) < 0)).toBeUndefined()
    expect([seen.length, new Set(seen).size]).toEqual([54, 54])
  })

  it('forgets what is deleted, in any order, and what was never there does no harm', () => {
    const { index, items } = indexOf({ a: 4, b: 3, c: 1, d: 2 })
    const random = randomOfSeed(3)
    let left = items
    index.delete(item('a', 'stranger'))
    index.delete(item('x', 'stranger'))
    while (left.length > 0) {
      const gone = left[random.below(left.length)]
      if (gone === undefined) break
      index.delete(gone)
      index.delete(gone)
      left = left.filter((one) => one !== gone)
      expect(index.size).toBe(left.length)
      const seen = new Set<Item>()
      index.find(random, (row) => seen.add(row).size < 0)
      expect(seen).toEqual(new Set(left))
    }
  })
})

describe('a network group', () => {
  it.each([
    ['9.1.0.1', '9.1.255.255', true],
    ['9.1.0.1', '9.2.0.1', false],
    ['2a00:1450::1', '2a00:1450:ffff::2', true],
    ['2a00:1450::1', '2a00:1451::1', false],
    // Tunnels: whoever has an IPv4 address has a world of such.
    ['2002:0901:1::1', '2002:0901:2::1', true],
    ['2002:0901:1::1', '9.1.5.5', true],
    ['2002:0901:1::1', '9.2.5.5', false],
    ['64:ff9b::9.1.0.1', '9.1.5.5', true],
    ['64:ff9b::9.1.0.1', '64:ff9b::9.2.0.1', false],
    ['2001:0:1::1', '2001:0:ffff::1', true],
    // Nobody hands these out, so each stands for itself.
    ['127.0.0.1', '127.0.0.2', false],
    ['10.0.0.1', '10.0.0.2', false],
    ['192.168.1.1', '192.168.1.2', false],
    ['fe80::1', 'fe80::2', false],
    ['fc00::1', 'fc00::2', false],
    ['::1', '127.0.0.1', false],
  ])('of %s and %s is the same: %s', (a, b, same) => {
    expect(netGroup(ipOf(a)) === netGroup(ipOf(b))).toBe(same)
  })
})
