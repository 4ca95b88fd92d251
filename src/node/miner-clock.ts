/** Time as the miner needs it, so that tests can make it go by. */

export interface MinerClock {
  /** Milliseconds of a clock that never goes backwards. */
  nowMs(): number
  /** Calls once, without keeping the process alive; returns how to prevent it. */
  after(ms: number, call: () => void): () => void
}

export const systemMinerClock: MinerClock = {
  nowMs: () => performance.now(),
  after: (ms, call) => {
    const timer = setTimeout(call, ms)
    timer.unref()
    return () => clearTimeout(timer)
  },
}
