/** The surroundings of a real process. */
import { VERSION } from '../../node/version.ts'
import { errorCode, errorText } from '../../primitives/errors.ts'
import type { CliIo } from '../dilithion-cli.ts'

const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export function processIo(): CliIo {
  process.stdout.on('error', (error) => {
    // Whoever read our output has gone, as `head` does: nobody is left to tell.
    if (errorCode(error) === 'EPIPE') return
    process.stderr.write(`error: can't write the output: ${errorText(error)}\n`)
    process.exitCode = 1
  })
  process.stderr.on('error', () => {})
  return {
    env: process.env,
    // Opened only when it is asked for.
    get stdin() {
      return process.stdin
    },
    stdout: process.stdout,
    stderr: process.stderr,
    now: Date.now,
    version: VERSION,
    onSignal: (listener) => {
      for (const signal of ENDING_SIGNALS) process.on(signal, listener)
      return () => {
        for (const signal of ENDING_SIGNALS) process.off(signal, listener)
      }
    },
  }
}
