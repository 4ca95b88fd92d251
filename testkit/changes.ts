/**
 * Waiting for conditions instead of for time: whoever changes something says so, whoever waits looks again.
 * Every wait has a deadline and tells what it was waiting for.
 */

/** Far beyond what anything takes on a busy machine; only a failure waits as long. */
export const DEADLINE_MS = 30_000
const POLL_MS = 20

export class Changes {
  readonly #waiters = new Set<() => void>()

  notify(): void {
    for (const look of [...this.#waiters]) look()
  }

  /** The first defined value of `probe`; rejects at the deadline with the text of `missing`. */
  until<T>(probe: () => T | undefined, missing: () => string, timeoutMs = DEADLINE_MS): Promise<T> {
    return new Promise((resolve, reject) => {
      const finish = (): void => {
        clearTimeout(timer)
        this.#waiters.delete(look)
      }
      const look = (): void => {
        try {
          const value = probe()
          if (value === undefined) return
          finish()
          resolve(value)
        } catch (error) {
          finish()
          reject(error)
        }
      }
      const timer = setTimeout(() => {
        finish()
        reject(new Error(`not within ${timeoutMs} ms: ${missing()}`))
      }, timeoutMs)
      this.#waiters.add(look)
      look()
    })
  }
}

/** Asks again and again, for what announces no changes: the first defined answer. */
export async function eventually<T>(
  ask: () => Promise<T | undefined> | T | undefined,
  what: string,
  timeoutMs = DEADLINE_MS,
): Promise<T> {
  const endAt = performance.now() + timeoutMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined) return answer
    if (performance.now() > endAt) throw new Error(`not within ${timeoutMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}
