/** When a program ends: what asks for it, and how long it may take then. */
import { deferred } from '../node/deferred.ts'

/** A clean shutdown that takes longer is ended by force: something hangs. */
const SHUTDOWN_GUARD_MS = 1_800
/** Unless it waits for a disk, which may need its time for what the chain has not written yet. */
const WRITING_GUARD_MS = 60_000

export interface StopSwitch {
  /** Resolves with who asked for it. */
  readonly requested: Promise<string>
  readonly request: (why: string) => void
  /** Resolves if the end is put off because something is still being written. */
  readonly putOff: Promise<void>
  /** The end is put off while this work goes on. */
  readonly whileWriting: <T>(work: Promise<T>) => Promise<T>
}

export interface StopSwitchOptions {
  /** Ends the process by force. */
  readonly exit: () => void
  readonly schedule?: (action: () => void, ms: number) => void
}

export function stopSwitch({ exit, schedule = scheduleQuietly }: StopSwitchOptions): StopSwitch {
  const { promise: requested, resolve } = deferred<string>()
  const { promise: putOff, resolve: tell } = deferred<void>()
  let writing = 0
  const look = (): void => {
    if (writing === 0) return exit()
    tell()
    schedule(exit, WRITING_GUARD_MS)
  }
  return {
    requested,
    putOff,
    request: (why) => {
      schedule(look, SHUTDOWN_GUARD_MS)
      resolve(why)
    },
    whileWriting: async (work) => {
      writing++
      try {
        return await work
      } finally {
        writing--
      }
    },
  }
}

/** Does not keep the process from ending by itself. */
function scheduleQuietly(action: () => void, ms: number): void {
  setTimeout(action, ms).unref()
}

/**
 * Has the first signal stop the program in good order, and a second one end it at once. SIGHUP counts where the log
 * is shown on a terminal, which has been closed then. Otherwise it has no effect: Node.js would end on it even under
 * `nohup`.
 */
export function stopOnSignals({ request }: StopSwitch): void {
  let signals = 0
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (++signals > 1) process.exit(130)
      request(signal)
    })
  }
  process.on('SIGHUP', () => {
    if (process.stdout.isTTY !== true) return
    request('SIGHUP')
    // Node.js would abort when it found no terminal to restore at its end.
    process.once('exit', () => {
      process.removeAllListeners('SIGHUP')
      process.kill(process.pid, 'SIGHUP')
    })
  })
}
