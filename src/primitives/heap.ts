/** A heap: the first by some order can be taken out at any time, in a time that grows with the logarithm of what is in it. */

export class Heap<T> {
  readonly #items: T[] = []
  readonly #isBefore: (a: T, b: T) => boolean

  /** `isBefore`: a strict order. */
  constructor(isBefore: (a: T, b: T) => boolean) {
    this.#isBefore = isBefore
  }

  get first(): T | undefined {
    return this.#items[0]
  }

  push(item: T): void {
    const items = this.#items
    let at = items.push(item) - 1
    while (at > 0) {
      const above = (at - 1) >> 1
      const other = items[above]
      if (other === undefined || !this.#isBefore(item, other)) break
      items[at] = other
      at = above
    }
    items[at] = item
  }

  /** Takes out the first. */
  pop(): T | undefined {
    const items = this.#items
    const first = items[0]
    const last = items.pop()
    if (last !== undefined && items.length > 0) {
      items[0] = last
      this.#sink(0)
    }
    return first
  }

  #sink(from: number): void {
    const items = this.#items
    const item = items[from]
    if (item === undefined) return
    let at = from
    for (;;) {
      const left = items[2 * at + 1]
      const right = items[2 * at + 2]
      const isRight = left !== undefined && right !== undefined && this.#isBefore(right, left)
      const below = isRight ? right : left
      if (below === undefined || !this.#isBefore(below, item)) break
      items[at] = below
      at = 2 * at + (isRight ? 2 : 1)
    }
    items[at] = item
  }
}
