import { describe, expect, it } from 'vitest'
import type { Sample } from '../../testkit/sim/convergence.ts'
import { draw } from '../../testkit/sim/picture.ts'
import { World } from '../../testkit/sim/world.ts'

function sampleAt(at: number): Sample {
  return {
    at,
    nodes: 10,
    one: 10,
    four: 9,
    full: at > 60_000 ? 10 : 5,
    largest: 10,
    components: 1,
    bookMedian: 87,
  }
}

function drawn(ats: readonly number[]): string {
  const world = new World()
  world.add()
  return draw(world, ats.map(sampleAt), 'a world')
}

/** Every element is closed, and no coordinate is missing. */
function expectWellFormed(svg: string): void {
  const open: string[] = []
  for (const [, closing, name = '', alone] of svg.matchAll(/<(\/?)(\w+)[^>]*?(\/?)>/g)) {
    if (closing === '/') expect(open.pop()).toBe(name)
    else if (alone !== '/') open.push(name)
  }
  expect(open).toEqual([])
  expect(svg).not.toMatch(/NaN|undefined|Infinity/)
}

describe('the picture of a world', () => {
  it('is whole also if there was nothing to see', () => {
    for (const ats of [[], [10_000], [10_000, 20_000]]) expectWellFormed(drawn(ats))
  })

  it('marks minutes as well as hours on one axis of time', () => {
    const svg = drawn(Array.from({ length: 288 }, (_, i) => 300_000 * (i + 1)))
    expectWellFormed(svg)
    for (const mark of ['5 min', '1 h', '24 h']) expect(svg).toContain(`>${mark}<`)
    expect(svg).not.toContain('>48 h<')
  })

  it('counts addresses in round numbers', () => {
    const svg = drawn([10_000, 100_000])
    for (const number of ['0', '25', '50', '75', '100']) expect(svg).toContain(`>${number}<`)
  })
})
