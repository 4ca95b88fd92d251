/** Worker threads that fetch their work. */
import { afterEach, describe, expect, it } from 'vitest'
import { type TaskSource, ThreadCrew } from '../../src/crypto/thread-crew.ts'

/** Answers a number with its double and the thread that made it; ends or fails when told to. */
const CODE = `
  import { parentPort, threadId } from 'node:worker_threads'
  parentPort.on('message', (job) => {
    if (job === 'throw') throw new RangeError('a bug')
    if (job === 'exit') process.exit(3)
    parentPort.postMessage({ double: 2 * job, thread: threadId })
  })`

interface Answer {
  readonly double: number
  readonly thread: number
}

const open: ThreadCrew[] = []

const urlOf = (code: string): URL => new URL(`data:text/javascript,${encodeURIComponent(code)}`)
/** Threads with such code can't even be made. */
const IMPOSSIBLE = new URL('http://localhost/')

/** `urls`: of the first thread that is started and of the next; the last one of all others. */
function crewOf(
  threads: number,
  urls = [urlOf(CODE)],
): { crew: ThreadCrew; ask: (job: unknown) => Promise<Answer> } {
  const options = {
    threads,
    get url() {
      return (urls.length > 1 ? urls.shift() : urls[0]) ?? IMPOSSIBLE
    },
  }
  const crew = new ThreadCrew(options)
  open.push(crew)
  const queue: ReturnType<TaskSource['next']>[] = []
  crew.addSource({ next: () => queue.shift() })
  const ask = (job: unknown): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const done = (answer: unknown): void => resolve(answer as Answer)
      queue.push({ job, transfer: [], done, failed: reject })
      crew.wake()
    })
  return { crew, ask }
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((crew) => crew.close()))
})

describe('a crew', () => {
  it('answers each piece of work with its own answer', async () => {
    const { ask } = crewOf(2)
    const jobs = Array.from({ length: 50 }, (_, i) => i)
    const answers = await Promise.all(jobs.map(ask))
    expect(answers.map(({ double }) => double)).toEqual(jobs.map((n) => 2 * n))
  })

  it('starts no more threads than it has work for, nor than it may', async () => {
    const { ask } = crewOf(3)
    const threads = new Set<number>()
    for (let i = 0; i < 5; i++) threads.add((await ask(i)).thread)
    expect(threads.size).toBe(1)
    const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => ask(i)))
    expect(new Set(answers.map(({ thread }) => thread)).size).toBe(3)
  })

  it.each([
    ['throw', 'a bug'],
    ['exit', 'ended with code 3'],
  ])('goes on with another thread after one that does: %s', async (job, message) => {
    const { ask } = crewOf(1)
    const { thread } = await ask(1)
    const lost = expect(ask(job)).rejects.toThrow(message)
    // Handed to the same thread already, so lost with it.
    const behind = expect(ask(2)).rejects.toThrow(message)
    const later = ask(3)
    await lost
    await behind
    expect((await later).double).toBe(6)
    expect((await later).thread).not.toBe(thread)
  })

  it('fails all its work where no thread can start', async () => {
    const { ask } = crewOf(1, [urlOf('import "node:nothing"')])
    const failures = [1, 2, 3, 4].map((n) => expect(ask(n)).rejects.toThrow('node:nothing'))
    await Promise.all(failures)
  })

  it('fails all its work where the system gives no thread', async () => {
    const { ask } = crewOf(2, [IMPOSSIBLE])
    await Promise.all([1, 2, 3].map((n) => expect(ask(n)).rejects.toThrow(/URL/)))
  })

  it('makes do with the threads that it gets', async () => {
    const { ask } = crewOf(3, [urlOf(CODE), IMPOSSIBLE])
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => ask(i)))
    expect(answers.map(({ double }) => double)).toEqual(Array.from({ length: 20 }, (_, i) => 2 * i))
    expect(new Set(answers.map(({ thread }) => thread)).size).toBe(1)
  })

  it('fails work that can not be handed over, and goes on', async () => {
    const { ask } = crewOf(1)
    await expect(ask(() => undefined)).rejects.toThrow('could not be cloned')
    expect((await ask(4)).double).toBe(8)
  })

  it('ends its threads and fails what waits when it is closed', async () => {
    const { crew, ask } = crewOf(1)
    const failures = [1, 2, 3, 4].map((n) => expect(ask(n)).rejects.toThrow('closed'))
    await crew.close()
    await Promise.all(failures)
    await crew.close()
    expect(crew.isClosed).toBe(true)
  })
})
