/** What the command line becomes, and what is said about one that can't be right. */
import { describe, expect, it } from 'vitest'
import { parseCommandLine } from '../../src/cli/node-options.ts'
import { optionRows } from '../../src/node/options.ts'
import { UserError } from '../../src/primitives/errors.ts'

/** Options by name, each with all its values. */
function options(...argv: string[]): Record<string, readonly string[]> {
  const parsed = parseCommandLine(argv, '9.9.9')
  if (parsed.kind !== 'run') throw new Error('printed instead')
  return Object.fromEntries(parsed.options)
}

function complaint(...argv: string[]): string {
  try {
    parseCommandLine(argv, '9.9.9')
  } catch (error) {
    if (error instanceof UserError) return error.message
    throw error
  }
  throw new Error('taken without complaint')
}

describe('parseCommandLine', () => {
  it('reads values behind = and behind a space, with one dash or two', () => {
    const expected = { port: ['1'], datadir: ['/x y'], debug: ['net', 'rpc'] }
    expect(options('--port=1', '--datadir=/x y', '--debug=net', '--debug=rpc')).toEqual(expected)
    expect(options('-port=1', '-datadir', '/x y', '-debug', 'net', '--debug', 'rpc')).toEqual(expected)
  })

  it('keeps what stands behind the first =, also line breaks and further =', () => {
    expect(options('--rpcpassword=a=b\nc', '--rpcuser=')).toEqual({ rpcpassword: ['a=b\nc'], rpcuser: [''] })
  })

  it('leaves a value alone that looks like an option', () => {
    const expected = { rpcuser: ['-x'], rpcpassword: ['--testnet=1'], regtest: ['1'] }
    expect(options('--rpcuser', '-x', '-rpcpassword', '--testnet=1', '-regtest')).toEqual(expected)
    expect(options('--rpcpassword', '--mine')).toEqual({ rpcpassword: ['--mine'] })
  })

  it('lets the last one win, unless an option may be repeated', () => {
    const argv = ['--port=1', '--port=2', '--connect=a', '--connect=b', '--addnode=c']
    expect(options(...argv)).toEqual({ port: ['2'], connect: ['a', 'b'], addnode: ['c'] })
  })

  it('knows single letters', () => {
    expect(options('-v', '-y', '--port=1')).toEqual({ verbose: ['1'], yes: ['1'], port: ['1'] })
    expect(options('-q')).toEqual({ quiet: ['1'] })
  })

  it('turns on what is on anyway as well', () => {
    const all = ['--persistmempool', '-listen', '--wallet', '--dnsseed']
    expect(options(...all, '--port=1')).toEqual({
      persistmempool: ['1'],
      listen: ['1'],
      wallet: ['1'],
      dnsseed: ['1'],
      port: ['1'],
    })
    expect(options('--listen', '0', '--wallet=0')).toEqual({ listen: ['0'], wallet: ['0'] })
  })

  it('turns switches on and off', () => {
    expect(options('--testnet', '--no-color', '-log-json')).toEqual({
      testnet: ['1'],
      'no-color': ['1'],
      'log-json': ['1'],
    })
    expect(options('--testnet=0', '--no-color', '0', '--regtest=true')).toEqual({
      testnet: ['0'],
      'no-color': ['0'],
      regtest: ['true'],
    })
  })

  it('passes over what this node does anyway', () => {
    const argv = [
      '--no-upnp',
      '--port=1',
      '--upnp=0',
      '--coinstatsindex=0',
      '--feeestimates',
      '-public-api=0',
    ]
    expect(options(...argv)).toEqual({ port: ['1'] })
  })

  it.each([
    [['--conect=1.2.3.4'], "unknown option '--conect' (Did you mean --connect?) See --help for all options."],
    [['--frobnicate'], "unknown option '--frobnicate'. See --help for all options."],
    [['-frobnicate=1'], "unknown option '--frobnicate'. See --help for all options."],
    [['-x'], "unknown option '-x'. See --help for all options."],
    [['--port'], "option '--port <N>' argument missing. See --help for all options."],
    [['--upnp'], '--upnp is an option of the C++ node that this node does not support'],
    [['--coinstatsindex=4'], '--coinstatsindex is an option of the C++ node that this node does not support'],
  ])('complains about %j', (argv, text) => {
    expect(complaint(...argv)).toBe(text)
  })

  it.each([[['testnet']], [['--regtest', '1', '2']], [['--', 'x']], [['']]])(
    'names the stray argument of %j',
    (argv) => {
      expect(complaint(...argv)).toContain(`'${argv.at(-1)}'`)
    },
  )

  it('says everything in one line', () => {
    for (const argv of [['--a\nb'], ['a\nb'], ['--port', '1', '--nope']]) {
      expect(complaint(...argv).replace('a\nb', 'a b')).not.toContain('\n')
    }
  })

  it('prints help with every option, and the version', () => {
    const help = parseCommandLine(['--help'], '9.9.9')
    if (help.kind !== 'print') throw new Error('not printed')
    for (const { name } of optionRows) expect(help.text).toMatch(new RegExp(`^ +(-., )?--${name}[ =]`, 'm'))
    for (const line of help.text.split('\n')) expect(line.length).toBeLessThanOrEqual(110)
    expect(parseCommandLine(['-h'], '9.9.9')).toEqual(help)
    expect(parseCommandLine(['--version'], '9.9.9')).toEqual({
      kind: 'print',
      text: 'Dilithion node v9.9.9\n',
    })
  })
})
