/** Transactions signed here are valid. */
import { afterAll, describe, expect, it } from 'vitest'
import { generateKeyPair, verifySignature } from '../../src/crypto/ml-dsa.ts'
import { createSignatures } from '../../src/crypto/signatures.ts'
import { hash160 } from '../../src/primitives/sha3.ts'
import { ByteWriter } from '../../src/primitives/writer.ts'
import { InputEvaluation } from '../../src/script/input-evaluation.ts'
import { SigningContext } from '../../src/script/signing-context.ts'
import { p2pkhScript } from '../../src/script/templates.ts'
import { signTransaction } from '../../src/wallet/sign-transaction.ts'
import { type Transaction, writeTransaction } from '../../src/wire/transaction.ts'
import { MAINNET_CHAIN_ID, spending } from '../../testkit/scripts.ts'

const { signer, close } = createSignatures({ threads: 1 })
afterAll(close)

const keys = [1, 2, 1].map((n) => {
  const seed = new Uint8Array(32).fill(n)
  return { secret: seed, scriptPubKey: p2pkhScript(hash160(generateKeyPair(seed).publicKey)) }
})
const [one, two, three] = keys
if (one === undefined || two === undefined || three === undefined) throw new Error('three keys')

const unsigned: Transaction = {
  ...spending(),
  inputs: keys.map((_, i) => ({
    previousHash: new Uint8Array(32).fill(i),
    previousIndex: i,
    scriptSig: new Uint8Array(0),
    sequence: 0xffff_ffff,
  })),
}

describe('a signed transaction', () => {
  it('may spend what was paid to its keys, on its chain', async () => {
    const signed = await signTransaction(unsigned, keys, MAINNET_CHAIN_ID, signer)
    const verdicts = (chainId: number) =>
      keys.map(({ scriptPubKey }, index) => {
        const evaluation = InputEvaluation.start(new SigningContext(signed, chainId), index, scriptPubKey)
        const { verdict } = evaluation
        return verdict.kind === 'needs'
          ? evaluation.answer(verifySignature(verdict.check)).kind
          : verdict.kind
      })
    expect(verdicts(MAINNET_CHAIN_ID)).toEqual(['valid', 'valid', 'valid'])
    expect(verdicts(2)).toEqual(['invalid', 'invalid', 'invalid'])
    const without = signed.inputs.map((input) => ({ ...input, scriptSig: new Uint8Array(0) }))
    expect({ ...signed, inputs: without }).toEqual(unsigned)
    const writer = new ByteWriter()
    writeTransaction(writer, signed)
    // Version, counts, lock time; 5,308 bytes an input (chain 5.4); an output of one byte.
    expect(writer.length).toBe(4 + 1 + 3 * 5_308 + 1 + 10 + 4)
  })

  it.each([
    ['a key is missing', [one, two], '2 keys for 3 inputs'],
    ['a key is not the one that was paid', [one, { ...two, secret: one.secret }, three], 'input 1 spends'],
    ['an output is not P2PKH', [one, two, { ...three, scriptPubKey: Uint8Array.of(0x51) }], 'input 2 spends'],
  ])('is not made if %s', async (_, given, message) => {
    await expect(signTransaction(unsigned, given, MAINNET_CHAIN_ID, signer)).rejects.toThrow(message)
  })
})
