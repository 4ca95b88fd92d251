/**
 * Addresses of one class by network group, so that a choice can be made among networks first and among their
 * addresses then: however many addresses a network has, it is drawn as often as any other.
 */
import type { RandomSource } from '../primitives/random.ts'

export interface Grouped {
  readonly group: string
  /** Position among those of its group; owned by the index. */
  at: number
}

interface Group<T> {
  readonly name: string
  readonly rows: T[]
  at: number
}

export class GroupIndex<T extends Grouped> {
  readonly #byName = new Map<string, Group<T>>()
  readonly #groups: Group<T>[] = []
  #size = 0

  get size(): number {
    return this.#size
  }

  add(row: T): void {
    let group = this.#byName.get(row.group)
    if (group === undefined) {
      group = { name: row.group, rows: [], at: this.#groups.length }
      this.#byName.set(row.group, group)
      this.#groups.push(group)
    }
    row.at = group.rows.length
    group.rows.push(row)
    this.#size++
  }

  delete(row: T): void {
    const group = this.#byName.get(row.group)
    if (group?.rows[row.at] !== row) return
    this.#size--
    moveLastTo(group.rows, row.at)
    if (group.rows.length > 0) return
    this.#byName.delete(group.name)
    moveLastTo(this.#groups, group.at)
  }

  /** Any row: a group is drawn, then one of it. */
  draw(random: RandomSource): T | undefined {
    const group = this.#groups[random.below(this.#groups.length)]
    return group?.rows[random.below(group.rows.length)]
  }

  /** The first row that fits, from a random group on. Looks at each row at most once. */
  find(random: RandomSource, fits: (row: T) => boolean): T | undefined {
    const count = this.#groups.length
    const start = random.below(count)
    for (let i = 0; i < count; i++) {
      const rows = this.#groups[(start + i) % count]?.rows ?? []
      const first = random.below(rows.length)
      for (let j = 0; j < rows.length; j++) {
        const row = rows[(first + j) % rows.length]
        if (row !== undefined && fits(row)) return row
      }
    }
    return undefined
  }
}

function moveLastTo(list: { at: number }[], at: number): void {
  const last = list.pop()
  if (last === undefined || at === list.length) return
  list[at] = last
  last.at = at
}
