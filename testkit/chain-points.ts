/** Chains of nothing but what the difficulty rules look at, made up as a test needs them. */
import type { ChainPoint } from '../src/chain/difficulty.ts'

export class Point implements ChainPoint {
  readonly parent: Point | undefined
  readonly height: number
  readonly time: number
  readonly bits: number

  constructor(parent: Point | undefined, time: number, bits: number, height = (parent?.height ?? -1) + 1) {
    this.parent = parent
    this.time = time
    this.bits = bits
    this.height = height
  }

  /** The nearest that is at or below the height: heights may be left out where nobody looks. */
  ancestor(height: number): Point | undefined {
    let at: Point | undefined = this
    while (at !== undefined && at.height > height) at = at.parent
    return at
  }
}

/** A chain of `length` blocks from height `from` on, one every `spacing` seconds. Its last block. */
export function chainOf(
  length: number,
  { from = 0, time = 1_700_000_000, spacing = 240, bits = 0x1e01_fffe } = {},
): Point {
  let tip = new Point(undefined, time, bits, from)
  for (let i = 1; i < length; i++) tip = new Point(tip, time + i * spacing, bits)
  return tip
}
