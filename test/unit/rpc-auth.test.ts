import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BasicAuth } from '../../src/rpc/basic-auth.ts'
import { createCookie, removeCookie } from '../../src/rpc/cookie.ts'
import { Gate } from '../../src/rpc/gate.ts'
import { MAX_LOCKOUT_ADDRESSES } from '../../src/rpc/limits.ts'
import { Lockout } from '../../src/rpc/lockout.ts'

const basic = (login: string) => `Basic ${Buffer.from(login).toString('base64')}`

describe('the cookie file', () => {
  let dir = ''
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'dilithion-cookie-'))
  })
  afterEach(() => rm(dir, { recursive: true, force: true }))

  it('holds the credentials, new ones each time, for its owner alone', async () => {
    const first = await createCookie(dir)
    expect(first).toMatchObject({ user: '__cookie__', password: expect.stringMatching(/^[0-9a-f]{32}$/) })
    expect(await readFile(join(dir, '.cookie'), 'utf8')).toBe(`__cookie__:${first.password}`)
    const second = await createCookie(dir)
    expect(second.password).not.toBe(first.password)
    expect(await readFile(join(dir, '.cookie'), 'utf8')).toBe(`__cookie__:${second.password}`)
    expect((await stat(join(dir, '.cookie'))).mode & 0o777).toBe(0o600)
    expect(await readdir(dir)).toEqual(['.cookie'])
  })

  it('does not take over the mode of files that were left behind', async () => {
    for (const name of ['.cookie', '.cookie.new']) {
      await writeFile(join(dir, name), 'old')
      await chmod(join(dir, name), 0o666)
    }
    await createCookie(dir)
    expect((await stat(join(dir, '.cookie'))).mode & 0o777).toBe(0o600)
  })

  it('rejects with the error of the system', async () => {
    await expect(createCookie(join(dir, 'missing'))).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('is removed, also when it is not there', async () => {
    await createCookie(dir)
    await removeCookie(dir)
    await removeCookie(dir)
    expect(await readdir(dir)).toEqual([])
  })
})

describe('BasicAuth', () => {
  const auth = new BasicAuth({ user: 'alice', password: 'p:ä' })

  it('accepts the right user and password', () => {
    expect(auth.accepts(basic('alice:p:ä'))).toBe(true)
    expect(auth.accepts(basic('alice:p:ä').replace('Basic ', 'bASIC   '))).toBe(true)
  })

  it('accepts nothing else', () => {
    const logins = ['', ':', 'alice', 'alice:', 'alice:p', 'alice:p:äx', 'Alice:p:ä', 'bob:p:ä', 'p:ä:alice']
    for (const login of logins) expect(auth.accepts(basic(login))).toBe(false)
    const right = basic('alice:p:ä').slice(6)
    for (const header of [
      '',
      'Basic',
      'Basic ',
      right,
      `Bearer ${right}`,
      `Basic${right}`,
      `Basic ${right} x`,
    ]) {
      expect(auth.accepts(header)).toBe(false)
    }
  })
})

describe('Lockout', () => {
  function harness() {
    const clock = { ms: 1_000 }
    const lockout = new Lockout(() => clock.ms)
    const failTimes = (address: string, times: number) =>
      Array.from({ length: times }, () => lockout.failed(address)).at(-1)
    return { clock, lockout, failTimes }
  }

  it('locks an address out after five failures, each time for twice as long', () => {
    const { clock, lockout, failTimes } = harness()
    expect(failTimes('203.0.113.5', 4)).toBe(0)
    expect(lockout.remainingMs('203.0.113.5')).toBe(0)
    for (const seconds of [60, 120, 240, 480, 900, 900]) {
      failTimes('203.0.113.5', 5 - (seconds === 60 ? 4 : 0))
      expect(lockout.remainingMs('203.0.113.5')).toBe(seconds * 1_000)
      expect(lockout.remainingMs('203.0.113.6')).toBe(0)
      clock.ms += seconds * 1_000 - 1
      expect(lockout.remainingMs('203.0.113.5')).toBe(1)
      clock.ms += 1
      expect(lockout.remainingMs('203.0.113.5')).toBe(0)
    }
  })

  it('forgets failures after a success', () => {
    const { lockout, failTimes } = harness()
    failTimes('203.0.113.5', 4)
    lockout.succeeded('203.0.113.5')
    expect(failTimes('203.0.113.5', 4)).toBe(0)
  })

  it('never locks out this machine', () => {
    const { lockout, failTimes } = harness()
    for (const address of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1']) {
      expect(failTimes(address, 50)).toBe(0)
      expect(lockout.remainingMs(address)).toBe(0)
    }
  })

  it('remembers a bounded number of addresses', () => {
    const { lockout, failTimes } = harness()
    failTimes('203.0.113.5', 5)
    const address = (i: number) => `10.1.${i >> 8}.${i & 255}`
    for (let i = 0; i < MAX_LOCKOUT_ADDRESSES - 1; i++) lockout.failed(address(i))
    expect(lockout.remainingMs('203.0.113.5')).toBe(60_000)
    lockout.failed('10.9.9.9')
    expect(lockout.remainingMs('203.0.113.5')).toBe(0)
  })
})

describe('Gate', () => {
  function harness() {
    const clock = { ms: 0 }
    const failures: string[] = []
    const gate = new Gate(
      { user: 'u', password: 'p' },
      () => clock.ms,
      (address, lockMs) => failures.push(`${address} ${lockMs}`),
    )
    const judge = (login: string | undefined, headers = {}, method = 'POST', address = '203.0.113.5') =>
      gate.judge({
        address,
        method,
        headers: { ...(login === undefined ? {} : { authorization: basic(login) }), ...headers },
      })
    return { clock, failures, judge }
  }

  it('looks at credentials before anything else', () => {
    const { judge } = harness()
    const marked = { 'x-dilithion-rpc': '' }
    expect(judge('u:p', marked)).toBeUndefined()
    for (const login of [undefined, 'u:x']) {
      expect(judge(login, marked)).toMatchObject({ status: 401, error: { code: -32000 } })
      expect(judge(login, {}, 'GET')).toMatchObject({ status: 401 })
    }
    expect(judge('u:p', {}, 'GET')).toMatchObject({ status: 405, error: { code: -32600 } })
    expect(judge('u:p', {})).toMatchObject({ status: 403, error: { code: -32600 } })
    expect(judge('u:p', { ...marked, 'content-length': '8454145' })).toMatchObject({ status: 413 })
    expect(judge('u:p', { ...marked, 'content-length': '8454144' })).toBeUndefined()
  })

  it('keeps out who guesses, right credentials or not, until the time is over', () => {
    const { clock, failures, judge } = harness()
    const marked = { 'x-dilithion-rpc': '1' }
    for (let i = 0; i < 20; i++) expect(judge(undefined)).toMatchObject({ status: 401 })
    for (let i = 0; i < 5; i++) expect(judge('u:x')).toMatchObject({ status: 401 })
    expect(failures).toEqual([...Array(4).fill('203.0.113.5 0'), '203.0.113.5 60000'])
    clock.ms = 500
    expect(judge('u:p', marked)).toMatchObject({
      status: 429,
      error: { code: -32000 },
      headers: { 'Retry-After': '60' },
    })
    expect(judge('u:p', marked, 'POST', '203.0.113.6')).toBeUndefined()
    clock.ms = 60_000
    expect(judge('u:p', marked)).toBeUndefined()
  })
})
