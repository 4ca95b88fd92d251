/** The wallet's file, and its secret under a passphrase. */
import { describe, expect, it } from 'vitest'
import { MAX_VAULT_COST } from '../../src/params/wallet-limits.ts'
import { passphraseFault } from '../../src/wallet/passphrase.ts'
import { type Sealed, VaultKey } from '../../src/wallet/vault.ts'
import { formatWalletFile, parseWalletFile, type WalletContent } from '../../src/wallet/wallet-file.ts'
import { openSecret, sealSecret } from '../../src/wallet/wallet-secret.ts'

/** Cheap, so that tests are. */
const COST = 4

const secret = {
  entropy: new Uint8Array(32).fill(7),
  passphrase: 'Ärger',
  imported: [new Uint8Array(32).fill(8), new Uint8Array(4_032).fill(9)],
}
const content: WalletContent = {
  secret: { kind: 'open', secret },
  account: 0,
  birthHeight: 44_001,
  receiving: { told: 2, hashes: [1, 2, 3].map((n) => new Uint8Array(20).fill(n)) },
  change: { told: 0, hashes: [new Uint8Array(20).fill(4)] },
  imported: [5, 6].map((n) => new Uint8Array(20).fill(n)),
  mining: 1,
}
const parsed = (text: string): WalletContent => {
  const result = parseWalletFile(text)
  if (!result.ok) throw new Error(result.error)
  return result.value
}

describe('a wallet file', () => {
  it('reads back as it was written, and shows the phrase to its owner', () => {
    const text = formatWalletFile(content)
    expect(parsed(text)).toEqual(content)
    expect(text).toMatch(/"phrase": "[a-z]+( [a-z]+){23}"/)
    expect(text).toContain('"birthHeight": 44001')
    const young = { ...content, mining: undefined }
    expect(parsed(formatWalletFile(young))).toEqual(young)
  })

  it('shows nothing of a sealed secret', async () => {
    const sealed = sealSecret(secret, await VaultKey.create('open sesame', COST))
    const text = formatWalletFile({ ...content, secret: sealed })
    expect(text).not.toContain('phrase')
    for (const hidden of ['07070707', '08080808', '09090909']) expect(text).not.toContain(hidden)
    const read = parsed(text)
    expect(read).toEqual({ ...content, secret: sealed })
    if (read.secret.kind !== 'sealed') throw new Error('not sealed')
    const opened = await openSecret(read.secret.sealed, 'open sesame')
    expect(opened).toMatchObject({ ok: true, value: { secret } })
    expect(await openSecret(read.secret.sealed, 'open barley')).toEqual({
      ok: false,
      error: 'wrongPassphrase',
    })
    if (!opened.ok) throw new Error(opened.error)
    // The key that opened it seals it again.
    const again = sealSecret({ ...secret, imported: [] }, opened.value.key)
    if (again.kind !== 'sealed') throw new Error('not sealed')
    expect(await openSecret(again.sealed, 'open sesame')).toMatchObject({
      ok: true,
      value: { secret: { imported: [] } },
    })
  })

  it('is refused whichever of its characters was changed', () => {
    const text = formatWalletFile(content)
    for (let at = 0; at < text.length; at += 41) {
      const character = text[at] ?? ''
      if (/\s/.test(character)) continue
      const other = character === '1' ? '2' : '1'
      expect(parseWalletFile(text.slice(0, at) + other + text.slice(at + 1)).ok, `character ${at}`).toBe(
        false,
      )
    }
  })

  const damaged = 'the wallet file is damaged'
  it.each([
    ['nothing', '', `${damaged}, or no wallet file`],
    ['text', 'wallet', `${damaged}, or no wallet file`],
    ['half of it', formatWalletFile(content).slice(0, 200), `${damaged}, or no wallet file`],
    ['another file', '{"format":"else"}', `${damaged}: format`],
    ['a newer version', formatWalletFile(content).replace('"version": 1', '"version": 2'), 'a newer program'],
    [
      'a wrong word',
      formatWalletFile(content).replace(/"phrase": "\w+/, '"phrase": "abandon'),
      `${damaged}: secret`,
    ],
    ['a wrong address', formatWalletFile(content).replace(/"D(\w)/, '"D1'), `${damaged}: receiving`],
    ['more told than made', formatWalletFile(content).replace('"told": 2', '"told": 4'), `${damaged}: rec`],
    ['fewer told', formatWalletFile(content).replace('"told": 2', '"told": 1'), `${damaged}: its checksum`],
    ['a height of none', formatWalletFile(content).replace('44001', '-1'), `${damaged}: birthHeight`],
    [
      'more than it has',
      formatWalletFile(content).replace('"account"', '"extra": 1, "account"'),
      `${damaged}: extra`,
    ],
    ['a secret of both kinds', formatWalletFile(content).replace('"open"', '"sealed"'), `${damaged}: secret`],
  ])('of %s is refused', (_, text, message) => {
    const result = parseWalletFile(text)
    if (result.ok) throw new Error('it was taken')
    expect(result.error).toContain(message)
  })
})

describe('a sealed secret', () => {
  const bytes = Uint8Array.of(1, 2, 3)
  const seal = async (passphrase: string): Promise<Sealed> =>
    (await VaultKey.create(passphrase, COST)).seal(bytes)
  const unseal = async (sealed: Sealed, passphrase: string) => {
    const key = await VaultKey.of(sealed, passphrase)
    return key.ok ? key.value.open(sealed) : key
  }

  it('opens with its passphrase, however its letters are made', async () => {
    const sealed = await seal('Caf\u00e9')
    expect(await unseal(sealed, 'Cafe\u0301')).toEqual({ ok: true, value: bytes })
    for (const wrong of ['', 'Cafe', 'caf\u00e9', 'Caf\u00e9 ']) {
      expect(await unseal(sealed, wrong)).toEqual({ ok: false, error: 'wrongPassphrase' })
    }
  })

  it('is another each time, with another key or with the same', async () => {
    const key = await VaultKey.create('x', COST)
    const [one, two, three] = [await seal('x'), key.seal(bytes), key.seal(bytes)]
    expect(one.salt).not.toEqual(two.salt)
    expect(two.nonce).not.toEqual(three.nonce)
    expect(two.data).not.toEqual(three.data)
    expect(one.data).toHaveLength(3 + 16)
    expect(key.open(three)).toEqual({ ok: true, value: bytes })
    expect(key.open(one)).toEqual({ ok: false, error: 'wrongPassphrase' })
  })

  it('is not opened by a key that was wiped', async () => {
    const key = await VaultKey.create('x', COST)
    const sealed = key.seal(bytes)
    key.wipe()
    expect(key.open(sealed)).toEqual({ ok: false, error: 'wrongPassphrase' })
  })

  it('is not opened once it was altered', async () => {
    const sealed = await seal('x')
    for (const part of ['salt', 'nonce', 'data'] as const) {
      const altered = { ...sealed, [part]: sealed[part].with(0, (sealed[part][0] ?? 0) ^ 1) }
      expect(await unseal(altered, 'x')).toEqual({ ok: false, error: 'wrongPassphrase' })
    }
  })

  it.each([
    ['of a cost beyond the limit', { cost: MAX_VAULT_COST + 1 }],
    ['of no cost', { cost: 0 }],
    ['of a broken cost', { cost: 4.5 }],
    ['without salt', { salt: new Uint8Array(0) }],
    ['with a long nonce', { nonce: new Uint8Array(16) }],
    ['without a tag', { data: new Uint8Array(15) }],
  ])('%s is not opened', async (_, fields) => {
    const sealed = await seal('x')
    expect(await unseal({ ...sealed, ...fields }, 'x')).toEqual({ ok: false, error: 'unsupported' })
  })
})

describe('a passphrase', () => {
  it.each([
    ['1234567', 'too short'],
    ['aaaaaaaaaaaa', 'too simple'],
    ['12121212', 'too simple'],
    ['x'.repeat(2_000), 'too long'],
  ])('such as %s is refused', (passphrase, why) => expect(passphraseFault(passphrase)).toContain(why))

  it('of some length and variety is taken', () => {
    expect(passphraseFault('five words nobody can guess')).toBeUndefined()
    expect(passphraseFault('Žluťoučký')).toBeUndefined()
  })
})
