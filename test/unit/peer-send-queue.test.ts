import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SEND_QUEUE_HIGH_BYTES, SEND_QUEUE_LOW_BYTES, SEND_QUEUE_MAX_BYTES } from '../../src/params/limits.ts'
import { SendQueue } from '../../src/peer/send-queue.ts'
import { monoMs } from '../../src/primitives/brand.ts'

const NOW = monoMs(1_000)
const filled = (length: number, value = 7): Uint8Array => new Uint8Array(length).fill(value)

describe('SendQueue', () => {
  it('hands over the small frames of a turn in one piece', () => {
    const queue = new SendQueue()
    queue.push(filled(2, 1))
    queue.push(filled(3, 2))
    expect(queue.take(NOW)).toEqual([Uint8Array.of(1, 1, 2, 2, 2)])
    expect(queue.take(NOW)).toBeUndefined()
    expect(queue.bytes).toBe(5)
  })

  it('takes a frame in parts, whole or not at all', () => {
    const queue = new SendQueue()
    expect(queue.push(filled(24), filled(SEND_QUEUE_MAX_BYTES - 23))).toBe(false)
    expect(queue.bytes).toBe(0)
    expect(queue.take(NOW)).toBeUndefined()
    const body = filled(SEND_QUEUE_MAX_BYTES - 24)
    expect(queue.push(filled(24), body)).toBe(true)
    expect(queue.bytes).toBe(SEND_QUEUE_MAX_BYTES)
    expect(queue.take(NOW)?.[1] === body).toBe(true)
  })

  it('hands over large turns as they are', () => {
    const queue = new SendQueue()
    const frames = [filled(30_000), filled(2_769)]
    for (const frame of frames) queue.push(frame)
    const taken = queue.take(NOW)
    expect(taken?.map((chunk, i) => chunk === frames[i])).toEqual([true, true])
  })

  it('counts bytes until they have left', () => {
    const queue = new SendQueue()
    queue.push(filled(100))
    queue.take(NOW)
    queue.push(filled(11))
    queue.flushed(60, NOW)
    expect(queue.bytes).toBe(51)
    queue.flushed(40, NOW)
    expect(queue.bytes).toBe(11)
    // More than was handed over can't have left.
    queue.flushed(500, NOW)
    expect(queue.bytes).toBe(11)
  })

  it('knows since when nothing has left', () => {
    const queue = new SendQueue()
    queue.push(filled(100))
    expect(queue.progressAt).toBeUndefined()
    queue.take(monoMs(10))
    expect(queue.progressAt).toBe(10)
    queue.push(filled(1))
    queue.take(monoMs(20))
    expect(queue.progressAt).toBe(10)
    queue.flushed(1, monoMs(30))
    expect(queue.progressAt).toBe(30)
    queue.flushed(100, monoMs(40))
    expect(queue.progressAt).toBeUndefined()
  })

  it('takes frames up to its maximum and not one byte more', () => {
    const queue = new SendQueue()
    expect(queue.push(filled(SEND_QUEUE_MAX_BYTES))).toBe(true)
    expect(queue.push(filled(1))).toBe(false)
    expect(queue.push(filled(0))).toBe(true)
    queue.take(NOW)
    expect(queue.push(filled(1))).toBe(false)
    queue.flushed(1, NOW)
    expect(queue.push(filled(1))).toBe(true)
    expect(queue.bytes).toBe(SEND_QUEUE_MAX_BYTES)
  })

  it('is congested above the high mark until the low mark is reached', () => {
    const queue = new SendQueue()
    queue.push(filled(SEND_QUEUE_HIGH_BYTES))
    expect(queue.congested).toBe(false)
    queue.push(filled(1))
    expect(queue.congested).toBe(true)
    queue.take(NOW)
    queue.flushed(SEND_QUEUE_HIGH_BYTES - SEND_QUEUE_LOW_BYTES, NOW)
    expect(queue.congested).toBe(true)
    queue.flushed(1, NOW)
    expect(queue.congested).toBe(false)
    queue.push(filled(100_000))
    expect(queue.congested).toBe(false)
  })

  it('is congested or not whether or not somebody looked in between', () => {
    const [watched, unwatched] = [new SendQueue(), new SendQueue()]
    for (const queue of [watched, unwatched]) {
      queue.push(filled(SEND_QUEUE_HIGH_BYTES + 1))
      if (queue === watched) expect(queue.congested).toBe(true)
      queue.take(NOW)
      queue.flushed(500_000, NOW)
    }
    expect(unwatched.congested).toBe(watched.congested)
  })

  it('neither loses nor invents bytes', () => {
    const step = fc.oneof(
      fc.record({ push: fc.nat(70_000) }),
      fc.record({ flush: fc.double({ min: 0, max: 1, noNaN: true }) }),
      fc.constant('take' as const),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const queue = new SendQueue()
        let [collected, handed, delivered] = [0, 0, 0]
        for (const one of steps) {
          if (one === 'take') {
            for (const chunk of queue.take(NOW) ?? []) delivered += chunk.length
            handed += collected
            collected = 0
          } else if ('push' in one) {
            if (queue.push(filled(one.push))) collected += one.push
          } else {
            const bytes = Math.floor(one.flush * handed)
            queue.flushed(bytes, NOW)
            handed -= bytes
            delivered -= bytes
          }
          expect(queue.bytes).toBe(collected + handed)
          expect(delivered).toBe(handed)
          if (queue.bytes > SEND_QUEUE_HIGH_BYTES) expect(queue.congested).toBe(true)
          if (queue.bytes <= SEND_QUEUE_LOW_BYTES) expect(queue.congested).toBe(false)
        }
      }),
    )
  })
})
