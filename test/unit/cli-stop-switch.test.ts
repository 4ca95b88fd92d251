import { expect, it } from 'vitest'
import { type StopSwitch, stopSwitch } from '../../src/cli/stop-switch.ts'

interface Watched {
  readonly stop: StopSwitch
  readonly log: string[]
  /** Lets the time pass that was waited for last. */
  readonly pass: () => void
}

function watched(): Watched {
  const log: string[] = []
  const scheduled: (() => void)[] = []
  const stop = stopSwitch({
    exit: () => log.push('exit'),
    schedule: (action, ms) => {
      log.push(`in ${ms}`)
      scheduled.push(action)
    },
  })
  return { stop, log, pass: () => scheduled.shift()?.() }
}

it('ends a program by force that hangs when it is told to stop', async () => {
  const { stop, log, pass } = watched()
  stop.request('somebody')
  stop.request('somebody else')
  expect(await stop.requested).toBe('somebody')
  pass()
  expect(log).toEqual(['in 1800', 'in 1800', 'exit'])
})

it('gives it more time while it writes, but not for ever', async () => {
  const { stop, log, pass } = watched()
  void stop.whileWriting(new Promise(() => undefined))
  stop.request('somebody')
  pass()
  await stop.putOff
  pass()
  expect(log).toEqual(['in 1800', 'in 60000', 'exit'])
})

it('takes what was written for written, whatever came of it', async () => {
  const { stop, log, pass } = watched()
  expect(await stop.whileWriting(Promise.resolve(5))).toBe(5)
  await expect(stop.whileWriting(Promise.reject(new Error('no')))).rejects.toThrow('no')
  stop.request('somebody')
  pass()
  expect(log).toEqual(['in 1800', 'exit'])
})
