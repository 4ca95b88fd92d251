/** The texts that were asked for last, at most as many as it is told to keep. */
export class RecentSet {
  readonly #capacity: number
  // The one that was not asked for longest comes first.
  readonly #texts = new Set<string>()

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  get size(): number {
    return this.#texts.size
  }

  /** Is it kept? If so, it is the last to go. */
  has(text: string): boolean {
    if (!this.#texts.delete(text)) return false
    this.#texts.add(text)
    return true
  }

  add(text: string): void {
    this.#texts.add(text)
    if (this.#texts.size <= this.#capacity) return
    for (const oldest of this.#texts) {
      this.#texts.delete(oldest)
      return
    }
  }
}
