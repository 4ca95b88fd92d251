/** The wallet's file, and its secret under a passphrase. */
import { describe, expect, it } from 'vitest'
import { MAX_VAULT_COST } from '../../src/params/limits.ts'
import { seal, unseal } from '../../src/wallet/vault.ts'
import {
  formatWalletFile,
  openSecret,
  parseWalletFile,
  sealSecret,
  type WalletContent,
} from '../../src/wallet/wallet-file.ts'

/** Cheap, so that tests are. */
const COST = 4

const secret = { entropy: new Uint8Array(32).fill(7), passphrase: 'Ärger' }
const content: WalletContent = {
  secret: { kind: 'open', secret },
  account: 0,
  birthHeight: 44_001,
  receiving: [1, 2, 3].map((n) => new Uint8Array(20).fill(n)),
  change: [new Uint8Array(20).fill(4)],
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
  })

  it('shows nothing of a sealed secret', async () => {
    const sealed = { ...content, secret: await sealSecret(secret, 'open sesame', COST) }
    const text = formatWalletFile(sealed)
    expect(text).not.toContain('phrase')
    expect(text).not.toContain('07070707')
    const read = parsed(text)
    expect(read).toEqual(sealed)
    expect(await openSecret(read.secret, 'open sesame')).toEqual({ ok: true, value: secret })
    expect(await openSecret(read.secret, 'open barley')).toEqual({ ok: false, error: 'wrongPassphrase' })
    expect(await openSecret(content.secret, '')).toEqual({ ok: true, value: secret })
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

  it('opens with its passphrase, however its letters are made', async () => {
    const sealed = await seal(bytes, 'Caf\u00e9', COST)
    expect(await unseal(sealed, 'Cafe\u0301')).toEqual({ ok: true, value: bytes })
    for (const wrong of ['', 'Cafe', 'caf\u00e9', 'Caf\u00e9 ']) {
      expect(await unseal(sealed, wrong)).toEqual({ ok: false, error: 'wrongPassphrase' })
    }
  })

  it('is another each time', async () => {
    const [one, two] = await Promise.all([seal(bytes, 'x', COST), seal(bytes, 'x', COST)])
    expect(one.salt).not.toEqual(two.salt)
    expect(one.nonce).not.toEqual(two.nonce)
    expect(one.data).not.toEqual(two.data)
    expect(one.data).toHaveLength(3 + 16)
  })

  it('is not opened once it was altered', async () => {
    const sealed = await seal(bytes, 'x', COST)
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
    const sealed = await seal(bytes, 'x', COST)
    expect(await unseal({ ...sealed, ...fields }, 'x')).toEqual({ ok: false, error: 'unsupported' })
  })
})
