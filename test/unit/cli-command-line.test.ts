import { describe, expect, it } from 'vitest'
import { paramsFrom } from '../../src/cli/client/arguments.ts'
import { parseCommandLine, UsageExit } from '../../src/cli/client/command-line.ts'

const parse = (...argv: string[]) => parseCommandLine(argv, '1.0.0')
const settings = (...argv: string[]) => Object.fromEntries(parse(...argv).settings)
const exit = (...argv: string[]) => {
  try {
    parse(...argv)
  } catch (error) {
    if (error instanceof UsageExit) return { code: error.exitCode, text: error.text }
    throw error
  }
  throw new Error('it was understood')
}

describe('options', () => {
  it('may have one dash or two, and values behind = or a space', () => {
    const expected = { testnet: '1', rpcport: '5', datadir: '/x y', rpcuser: 'u=v' }
    expect(settings('--testnet', '--rpcport=5', '--datadir=/x y', '--rpcuser=u=v', 'help')).toEqual(expected)
    expect(settings('-testnet', '-rpcport=5', '-datadir=/x y', '-rpcuser=u=v', 'help')).toEqual(expected)
    expect(settings('-testnet', '-rpcport', '5', '-datadir', '/x y', '-rpcuser', 'u=v', 'help')).toEqual(
      expected,
    )
  })

  it('are switched by 0 and 1, or true and false', () => {
    expect(settings('-testnet=0', '-regtest=true', 'help')).toEqual({ testnet: '0', regtest: '1' })
    expect(parse('-json', 'help').json).toBe(true)
    expect(parse('-json=0', 'help').json).toBe(false)
    expect(parse('-json', '-json=false', 'help').json).toBe(false)
    expect(exit('-json=x', 'help')).toMatchObject({
      code: 1,
      text: expect.stringMatching(/--json: expected 0 or 1/),
    })
  })

  it('end at the method', () => {
    expect(parse('-named', 'x', '-testnet', '--json', '-5', '--')).toMatchObject({
      named: true,
      json: false,
      words: ['x', '-testnet', '--json', '-5', '--'],
    })
    expect(parse('--testnet', 'getpeerinfo').words).toEqual(['getpeerinfo'])
  })

  it('know colours, and -netinfo with its interval', () => {
    expect(parse('help')).toMatchObject({ color: true, netinfo: undefined, once: false })
    expect(parse('-no-color', 'help').color).toBe(false)
    expect(parse('-netinfo')).toMatchObject({ netinfo: { intervalMs: 1_000 }, once: false, words: [] })
    expect(parse('-netinfo', '-once')).toMatchObject({ netinfo: { intervalMs: 1_000 }, once: true })
    for (const written of [['-netinfo=2.5'], ['-netinfo', '2.5'], ['--netinfo', '2.5']]) {
      expect(parse(...written, '-testnet')).toMatchObject({ netinfo: { intervalMs: 2_500 }, words: [] })
    }
    for (const bad of ['0', '0.01', '99999', 'x', '']) expect(exit(`-netinfo=${bad}`).code).toBe(1)
    expect(exit('-netinfo', '-testnet', 'getpeerinfo').text).toMatch(/takes no method \('getpeerinfo'\)/)
  })

  it('say how long to wait', () => {
    expect(parse('help')).toMatchObject({ timeoutMs: 900_000, waitMs: undefined })
    expect(parse('-rpcclienttimeout=0', 'help').timeoutMs).toBe(0)
    expect(parse('-rpcclienttimeout', '5', 'help')).toMatchObject({ timeoutMs: 5_000, words: ['help'] })
    expect(parse('-rpcwait', 'help').waitMs).toBe(Number.POSITIVE_INFINITY)
    expect(parse('-rpcwait', '-rpcwaittimeout=3', 'help').waitMs).toBe(3_000)
    expect(parse('-rpcwaittimeout=3', 'help').waitMs).toBeUndefined()
    expect(exit('-rpcclienttimeout=soon', 'help').text).toMatch(/--rpcclienttimeout: expected whole seconds/)
  })

  it('ask for -getinfo without a method, and for parameters from the standard input', () => {
    expect(parse('-getinfo')).toMatchObject({ getinfo: true, words: [] })
    expect(exit('-getinfo', 'help').text).toMatch(/-getinfo takes no method \('help'\)/)
    expect(exit('-getinfo', '-netinfo').text).toMatch(/exclude each other/)
    expect(parse('-stdin', 'submitblock')).toMatchObject({ stdin: true, words: ['submitblock'] })
  })

  it('show help and version', () => {
    for (const flag of ['-help', '--help', '-h', '-?']) {
      const { code, text } = exit(flag)
      expect(code).toBe(0)
      expect(text).toMatch(/^Usage: dilithion-cli \[options\] <method>/)
      for (const name of ['--testnet ', '--rpccookiefile <FILE> ', '--netinfo [seconds]'])
        expect(text).toContain(name)
    }
    expect(exit('-version')).toEqual({ code: 0, text: 'dilithion-cli v1.0.0\n' })
  })

  it('end with what is wrong', () => {
    expect(exit()).toMatchObject({ code: 1, text: expect.stringMatching(/which method\?/) })
    expect(exit('-testnet').code).toBe(1)
    expect(exit('-tesnet', 'help')).toMatchObject({
      code: 1,
      text: expect.stringMatching(/unknown option '--tesnet'/),
    })
    const { text } = exit('-rpcpasword=s3cret', 'help')
    expect(text).toMatch(/unknown option '--rpcpasword'/)
    expect(text).not.toContain('s3cret')
    expect(exit('-rpcport')).toMatchObject({ code: 1, text: expect.stringMatching(/argument missing/) })
  })
})

describe('parameters', () => {
  it('are JSON where they can be, text otherwise', () => {
    const words = [
      '1',
      '-2.5',
      'true',
      'null',
      '[1,"a"]',
      '{"a":{}}',
      '"12"',
      'add',
      '127.0.0.1:18444',
      '',
      '01',
      '{',
    ]
    expect(paramsFrom('x', words, false)).toEqual([
      1,
      -2.5,
      true,
      null,
      [1, 'a'],
      { a: {} },
      '12',
      'add',
      '127.0.0.1:18444',
      '',
      '01',
      '{',
    ])
  })

  it('stay text where a number would lose digits', () => {
    const hash = '1234567890'.repeat(6)
    const other = `${'1234567890'.repeat(6)}12e3`
    expect(paramsFrom('x', [hash, other, '9007199254740991', '9007199254740993', '1e3'], false)).toEqual([
      hash,
      other,
      9_007_199_254_740_991,
      '9007199254740993',
      1_000,
    ])
  })

  it('stay text where they are passphrases, phrases, keys or names', () => {
    expect(paramsFrom('backupwallet', ['20261126'], false)).toEqual(['20261126'])
    expect(paramsFrom('validateaddress', ['1'], false)).toEqual(['1'])
    expect(paramsFrom('walletpassphrase', ['12345678', '60'], false)).toEqual(['12345678', 60])
    expect(paramsFrom('encryptwallet', ['1e5'], false)).toEqual(['1e5'])
    expect(paramsFrom('walletpassphrasechange', ['true', 'null'], false)).toEqual(['true', 'null'])
    expect(paramsFrom('restorehdwallet', ['passphrase=12', 'mnemonic=[1]'], true)).toEqual({
      passphrase: '12',
      mnemonic: '[1]',
    })
    // What was typed without a name may be the secret.
    expect(() => paramsFrom('walletpassphrase', ['hunter2'], true)).toThrow(/^-named takes .* name=value$/)
  })

  it('go by name with -named', () => {
    expect(paramsFrom('addnode', ['node=1.2.3.4', 'command=add', 'x=a=b'], true)).toEqual({
      node: '1.2.3.4',
      command: 'add',
      x: 'a=b',
    })
    expect(() => paramsFrom('addnode', ['add'], true)).toThrow(/name=value, not 'add'/)
    expect(() => paramsFrom('addnode', ['=add'], true)).toThrow(/name=value/)
  })

  it('confirm a stop that was typed', () => {
    expect(paramsFrom('stop', [], false)).toEqual({ confirm: true })
    expect(paramsFrom('stop', [], true)).toEqual({ confirm: true })
    expect(paramsFrom('stop', ['false'], false)).toEqual([false])
    expect(paramsFrom('stop', ['confirm=false'], true)).toEqual({ confirm: false })
    expect(paramsFrom('ping', [], false)).toEqual({})
  })
})
