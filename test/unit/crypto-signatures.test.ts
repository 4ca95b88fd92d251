/** Verifying and signing in worker threads: real ones where they matter, and a crew by hand where order does. */
import { afterEach, describe, expect, it } from 'vitest'
import { generateKeyPair, verifySignature } from '../../src/crypto/ml-dsa.ts'
import { RecentSet } from '../../src/crypto/recent-set.ts'
import { packChecks, type SignatureJob, unpackChecks } from '../../src/crypto/signature-jobs.ts'
import { ThreadedVerifier } from '../../src/crypto/signature-verifier.ts'
import { createSignatures, type Signatures } from '../../src/crypto/signatures.ts'
import type { Crew, TaskSource, ThreadTask } from '../../src/crypto/thread-crew.ts'
import { MAX_SIGNATURES_PER_JOB, SIGNATURES_PER_TURN } from '../../src/params/limits.ts'
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES, type SignatureCheck } from '../../src/script/signature-check.ts'
import { knownChecks, spoiled } from '../../testkit/signed.ts'

const open: Signatures[] = []

function signatures(threads: number): Signatures {
  const created = createSignatures({ threads })
  open.push(created)
  return created
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()))
})

/** A check of its own for each number. */
function numbered(n: number): SignatureCheck {
  return {
    publicKey: new Uint8Array(PUBLIC_KEY_BYTES).fill(1),
    signature: new Uint8Array(SIGNATURE_BYTES).fill(2),
    message: Uint8Array.of(n, n >> 8),
  }
}

describe('threads', () => {
  it.each([1, 2])('verify as this one does, in order: %i', async (threads) => {
    const { verifier } = signatures(threads)
    const known = knownChecks()
    const checks = known.flatMap((check) => [
      check,
      spoiled(check, 'message'),
      { ...check, publicKey: check.publicKey.subarray(1) },
      spoiled(check, 'signature', 3_000),
      check,
    ])
    const expected = checks.map(verifySignature)
    expect(expected.filter(Boolean)).toHaveLength(2 * known.length)
    expect(await verifier.verifyBatch(checks)).toEqual(expected)
    expect(await verifier.verifyBatch(checks.toReversed())).toEqual(expected.toReversed())
    expect(verifier).toMatchObject({ pending: 0 })
  })

  it('make keys and signatures', async () => {
    const { signer, verifier } = signatures(2)
    const seeds = Array.from({ length: 6 }, (_, i) => new Uint8Array(32).fill(i))
    const keys = await signer.publicKeys(seeds)
    expect(keys).toEqual(seeds.map((seed) => generateKeyPair(seed).publicKey))
    // Five of one key, then one each of three.
    const requests = [0, 0, 0, 0, 0, 1, 2, 3].map((key, i) => ({
      secret: seeds[key] ?? new Uint8Array(0),
      message: new Uint8Array(32).fill(i),
    }))
    const signed = await signer.sign(requests)
    expect(signed.map(({ publicKey }) => publicKey)).toEqual([0, 0, 0, 0, 0, 1, 2, 3].map((key) => keys[key]))
    const checks = signed.map((pair, i) => ({ ...pair, message: new Uint8Array(32).fill(i) }))
    expect(await verifier.verifyBatch(checks)).toEqual(checks.map(() => true))
    // What the caller gave is still his.
    expect(seeds[5]).toEqual(new Uint8Array(32).fill(5))
  })

  it('sign with a secret key as with its seed', async () => {
    const { signer, verifier } = signatures(1)
    const { secretKey, publicKey } = generateKeyPair(new Uint8Array(32).fill(9))
    const message = new Uint8Array(32).fill(1)
    expect(await signer.publicKeys([secretKey])).toEqual([publicKey])
    const signed = await signer.sign([{ secret: secretKey, message }])
    expect(signed.map((pair) => pair.publicKey)).toEqual([publicKey])
    expect(await verifier.verifyBatch(signed.map((pair) => ({ ...pair, message })))).toEqual([true])
    expect(secretKey.some((byte) => byte !== 0)).toBe(true)
  })

  it('reject what waits when they are closed, and what comes later', async () => {
    const { signer, verifier, close } = signatures(1)
    const verified = expect(verifier.verifyBatch(knownChecks())).rejects.toThrow('closed')
    const made = expect(signer.publicKeys([new Uint8Array(32)])).rejects.toThrow('closed')
    await close()
    await verified
    await made
    expect(verifier).toMatchObject({ pending: 0 })
    await expect(verifier.verifyBatch([])).rejects.toThrow('closed')
    await expect(signer.sign([{ secret: new Uint8Array(32), message: new Uint8Array(0) }])).rejects.toThrow(
      'closed',
    )
  })
})

/** Threads by hand: keeps what is fetched until the test answers. */
class ManualCrew implements Crew {
  isClosed = false
  readonly #sources: TaskSource[] = []

  addSource(source: TaskSource): void {
    this.#sources.push(source)
  }

  wake(): void {}

  async close(): Promise<void> {
    this.isClosed = true
  }

  fetch(threads = 1): { task: ThreadTask; checks: SignatureCheck[] } | undefined {
    const task = this.#sources[0]?.next(threads)
    const job = task?.job as SignatureJob | undefined
    if (task === undefined || job?.kind !== 'verify') return undefined
    return { task, checks: [...unpackChecks(job.checks)] }
  }

  /** Fetches all and answers by `holds`. Returns the sizes of the pieces. */
  work(threads = 1, holds: (check: SignatureCheck) => boolean = () => true): number[] {
    const sizes: number[] = []
    for (let piece = this.fetch(threads); piece !== undefined; piece = this.fetch(threads)) {
      piece.task.done(Uint8Array.from(piece.checks, (check) => (holds(check) ? 1 : 0)))
      sizes.push(piece.checks.length)
    }
    return sizes
  }
}

describe('the verifier', () => {
  it('asks nothing about what it knows, and again about what did not hold', async () => {
    const crew = new ManualCrew()
    const verifier = new ThreadedVerifier(crew)
    const request = () => verifier.verifyBatch([numbered(1), numbered(2)])
    const first = request()
    expect(crew.work(1, ({ message }) => message[0] === 1)).toEqual([1, 1])
    expect(await first).toEqual([true, false])
    const second = request()
    expect(crew.work()).toEqual([1])
    expect(await second).toEqual([true, true])
    expect(await request()).toEqual([true, true])
    expect(crew.fetch()).toBeUndefined()
  })

  it('asks once for what several want at the same time', async () => {
    const crew = new ManualCrew()
    const verifier = new ThreadedVerifier(crew)
    const one = verifier.verifyBatch([numbered(1), numbered(1), numbered(2)])
    const piece = crew.fetch(1)
    const two = verifier.verifyBatch([numbered(2), numbered(1), numbered(3)])
    expect(verifier.pending).toBe(3)
    piece?.task.done(Uint8Array.of(0))
    const asked: number[] = []
    crew.work(1, ({ message }) => asked.push(message[0] ?? 0) > 0)
    expect(asked).toEqual([2, 3])
    expect(await one).toEqual([false, false, true])
    expect(await two).toEqual([true, false, true])
    expect(verifier).toMatchObject({ pending: 0 })
  })

  it('remembers no more than it was told to', async () => {
    const crew = new ManualCrew()
    const verifier = new ThreadedVerifier(crew, 2)
    const ask = async (n: number): Promise<number> => {
      const answer = verifier.verifyBatch([numbered(n)])
      const pieces = crew.work().length
      expect(await answer).toEqual([true])
      return pieces
    }
    for (const n of [1, 2]) expect(await ask(n)).toBe(1)
    expect(await ask(1)).toBe(0)
    expect(await ask(3)).toBe(1)
    expect(await ask(1)).toBe(0)
    expect(await ask(2)).toBe(1)
  })

  it('tells checks apart by key, message and signature', async () => {
    const crew = new ManualCrew()
    const verifier = new ThreadedVerifier(crew)
    const check = numbered(1)
    const others = (['publicKey', 'signature', 'message'] as const).map((part) => spoiled(check, part))
    const answer = verifier.verifyBatch([check, ...others, { ...check, message: new Uint8Array(500) }])
    expect(crew.work().reduce((sum, n) => sum + n, 0)).toBe(5)
    expect(await answer).toHaveLength(5)
  })

  it('hands out smaller pieces towards the end', async () => {
    const crew = new ManualCrew()
    const verifier = new ThreadedVerifier(crew)
    const answer = verifier.verifyBatch(Array.from({ length: SIGNATURES_PER_TURN }, (_, i) => numbered(i)))
    const sizes = crew.work(2)
    expect(sizes.reduce((sum, n) => sum + n, 0)).toBe(SIGNATURES_PER_TURN)
    expect(sizes).toEqual(sizes.toSorted((a, b) => b - a))
    expect(sizes[0]).toBe(SIGNATURES_PER_TURN / 4)
    expect(sizes.at(-1)).toBe(1)
    await answer
  })

  it('lets others have their turn within a large request', async () => {
    const crew = new ManualCrew()
    const verifier = new ThreadedVerifier(crew)
    const count = 10 * SIGNATURES_PER_TURN + 1
    const answer = verifier.verifyBatch(Array.from({ length: count }, (_, i) => numbered(i)))
    const seen: number[] = []
    for (let asked = 0; asked < count; ) {
      expect(verifier.pending).toBeLessThanOrEqual(SIGNATURES_PER_TURN)
      const sizes = crew.work()
      for (const size of sizes) expect(size).toBeLessThanOrEqual(MAX_SIGNATURES_PER_JOB)
      const taken = sizes.reduce((sum, n) => sum + n, 0)
      if (taken > 0) seen.push(taken)
      asked += taken
      await new Promise((turn) => setImmediate(turn))
    }
    expect(seen).toHaveLength(11)
    expect(await answer).toEqual(Array(count).fill(true))
  })

  it('rejects all that waits for work that failed, and only that', async () => {
    const crew = new ManualCrew()
    const verifier = new ThreadedVerifier(crew)
    const one = expect(verifier.verifyBatch([numbered(1), numbered(2)])).rejects.toThrow('no memory')
    const two = expect(verifier.verifyBatch([numbered(2), numbered(3)])).rejects.toThrow('no memory')
    const three = verifier.verifyBatch([numbered(1), numbered(3)])
    const pieces = [crew.fetch(3), crew.fetch(3), crew.fetch(3)]
    expect(pieces.map((piece) => piece?.checks.map(({ message }) => message[0]))).toEqual([[1], [2], [3]])
    pieces[1]?.task.failed(new Error('no memory'))
    pieces[0]?.task.done(Uint8Array.of(1))
    pieces[2]?.task.done(Uint8Array.of(1))
    await one
    await two
    expect(await three).toEqual([true, true])
    expect(verifier).toMatchObject({ pending: 0 })
  })

  it('does not take a wrong number of answers for answers', async () => {
    const crew = new ManualCrew()
    const verifier = new ThreadedVerifier(crew)
    for (const answer of [Uint8Array.of(), Uint8Array.of(1, 1), undefined]) {
      const failure = expect(verifier.verifyBatch([numbered(1)])).rejects.toThrow('no answer')
      crew.fetch()?.task.done(answer)
      await failure
    }
  })
})

describe('packed checks', () => {
  it('are the same when unpacked', () => {
    const checks = [numbered(1), { ...numbered(2), message: new Uint8Array(0) }, ...knownChecks()]
    expect([...unpackChecks(packChecks(checks))]).toEqual(checks)
    expect([...unpackChecks(packChecks([]))]).toEqual([])
  })
})

describe('a set of what is recent', () => {
  it('forgets what was not asked for longest', () => {
    const set = new RecentSet(2)
    set.add('a')
    set.add('b')
    expect(set.has('a')).toBe(true)
    set.add('c')
    expect(set.size).toBe(2)
    expect(['a', 'b', 'c'].map((text) => set.has(text))).toEqual([true, false, true])
  })
})
