/** Time as the miner and the keeper of the mempool need it, so that tests can make it go by. */

export interface NodeClock {
  /** Milliseconds of a clock that never goes backwards. */
  nowMs(): number
  /** Calls once, without keeping the process alive; returns how to prevent it. */
  after(ms: number, call: () => void): () => void
}

export const systemNodeClock: NodeClock = {
  nowMs: () => performance.now(),
  after: (ms, call) => {
    const timer = setTimeout(call, ms)
    timer.unref()
    return () => clearTimeout(timer)
  },
}
