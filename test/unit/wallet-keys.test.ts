/** Recovery phrases and the keys that come from them (validation 9). */
import { createHmac, hash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { generateKeyPair } from '../../src/crypto/ml-dsa.ts'
import { concatBytes, toHex } from '../../src/primitives/bytes.ts'
import { hash160 } from '../../src/primitives/sha3.ts'
import { encodeAddress } from '../../src/script/address.ts'
import { addressChain, childKey, formatPath, masterKey, seedOf } from '../../src/wallet/keys.ts'
import { describePhraseError, entropyOf, type PhraseError, phraseOf } from '../../src/wallet/mnemonic.ts'
import { bytes } from '../../testkit/arbitraries.ts'
import { loadWallet } from '../../testkit/vectors.ts'

const wallet = loadWallet()
const words = wallet.mnemonic.split(' ')

describe('a recovery phrase', () => {
  it('of another node is taken', () => {
    const entropy = entropyOf(wallet.mnemonic)
    if (!entropy.ok) throw new Error(describePhraseError(entropy.error))
    expect(phraseOf(entropy.value)).toBe(wallet.mnemonic)
  })

  it('may be written in any way', () => {
    const shouted = `\n ${words.join('\t\n ').toUpperCase()}  `
    expect(entropyOf(shouted)).toEqual(entropyOf(wallet.mnemonic))
  })

  it('of zeros has the checksum of SHA3-256', () => {
    // The last word: three bits of entropy, and 0x9e as checksum.
    expect(toHex(hash('sha3-256', new Uint8Array(32), 'buffer')).slice(0, 2)).toBe('9e')
    expect(phraseOf(new Uint8Array(32))).toBe(`${'abandon '.repeat(23)}because`)
  })

  it('reads back as it was written', () => {
    fc.assert(
      fc.property(bytes(32, 32), (entropy) => {
        expect(entropyOf(phraseOf(entropy))).toEqual({ ok: true, value: entropy })
      }),
    )
  })

  it.each<[string, string, PhraseError, string]>([
    ['is empty', '', { code: 'wordCount', found: 0 }, 'a recovery phrase has 24 words, this one has 0'],
    [
      'lacks a word',
      words.slice(1).join(' '),
      { code: 'wordCount', found: 23 },
      'a recovery phrase has 24 words, this one has 23',
    ],
    [
      'has a mistyped word',
      wallet.mnemonic.replace('shiver', 'shivr'),
      { code: 'unknownWord', position: 4 },
      'word 4 of the recovery phrase is not in the list: look for a typing error',
    ],
    [
      'has swapped words',
      [words[1], words[0], ...words.slice(2)].join(' '),
      { code: 'badChecksum' },
      'the recovery phrase has a wrong or misplaced word, or is of a wallet for another currency',
    ],
    [
      'has the checksum of other currencies',
      `${'abandon '.repeat(23)}art`,
      { code: 'badChecksum' },
      'the recovery phrase has a wrong or misplaced word, or is of a wallet for another currency',
    ],
  ])('is refused if it %s', (_, phrase, error, text) => {
    expect(entropyOf(phrase)).toEqual({ ok: false, error })
    expect(describePhraseError(error)).toBe(text)
  })

  it('is made of 32 bytes', () => {
    expect(() => phraseOf(new Uint8Array(16))).toThrow(RangeError)
  })
})

describe('keys', () => {
  it('are those of another node with the same phrase', async () => {
    const chain = addressChain(masterKey(await seedOf(wallet.mnemonic, wallet.passphrase)), 0, 0)
    for (const [index, { path, keySeed, address }] of wallet.keys.entries()) {
      const key = childKey(chain, index)
      expect(formatPath(0, 0, index)).toBe(path)
      expect(toHex(key.keySeed)).toBe(keySeed)
      expect(encodeAddress(hash160(generateKeyPair(key.keySeed).publicKey))).toBe(address)
    }
  })

  it('differ by passphrase, account, change and index, not by the spacing of the phrase', async () => {
    const root = async (phrase: string, passphrase: string) => masterKey(await seedOf(phrase, passphrase))
    const own = await root(wallet.mnemonic, '')
    const others = [
      addressChain(own, 0, 0),
      addressChain(own, 0, 1),
      addressChain(own, 1, 0),
      childKey(addressChain(own, 0, 0), 0),
      childKey(addressChain(own, 0, 0), 0x7fff_ffff),
      await root(wallet.mnemonic, 'x'),
      own,
    ].map(({ keySeed }) => toHex(keySeed))
    expect(new Set(others).size).toBe(others.length)
    expect(await root(words.join('  '), '')).toEqual(own)
  })

  it.each([-1, 0x8000_0000, 1.5])('have no child %d', async (index) => {
    const master = masterKey(new Uint8Array(64))
    expect(() => childKey(master, index)).toThrow(RangeError)
  })

  it('come from an HMAC over blocks of 72 bytes', () => {
    const message = new Uint8Array(100).fill(5)
    for (const length of [14, 32, 71, 72, 73, 200]) {
      const key = new Uint8Array(length).fill(length)
      const sha3 = (data: Uint8Array): Uint8Array => hash('sha3-512', data, 'buffer')
      const block = new Uint8Array(72)
      block.set(length > 72 ? sha3(key) : key)
      const inner = sha3(concatBytes([block.map((byte) => byte ^ 0x36), message]))
      const expected = sha3(concatBytes([block.map((byte) => byte ^ 0x5c), inner]))
      expect(toHex(createHmac('sha3-512', key).update(message).digest())).toBe(toHex(expected))
    }
  })
})
