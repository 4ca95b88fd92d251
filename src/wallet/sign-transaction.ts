/** Signing of transactions that spend P2PKH outputs (chain 6.1, 7.3): what a wallet does last. */
import type { Signer } from '../crypto/signer.ts'
import { bytesEqual } from '../primitives/bytes.ts'
import { hash160 } from '../primitives/sha3.ts'
import { legacyScriptSig } from '../script/script-sig.ts'
import { SigningContext } from '../script/signing-context.ts'
import { p2pkhHash } from '../script/templates.ts'
import type { Transaction } from '../wire/transaction.ts'

/** The key of an input: what the output that it spends was paid to. */
export interface InputKey {
  /** 32 bytes from which the key pair is made, or the secret key of 4,032 bytes itself. */
  readonly secret: Uint8Array
  /** Of the output spent: P2PKH to that key. */
  readonly scriptPubKey: Uint8Array
}

/**
 * The same transaction with a scriptSig in each input, in the form that the network's wallets write. `keys`: one for
 * each input, in order; undefined for those that are left as they are. Rejects with RangeError if a key is missing or not
 * the one that was paid.
 */
export async function signTransaction(
  transaction: Transaction,
  keys: readonly (InputKey | undefined)[],
  chainId: number,
  signer: Signer,
): Promise<Transaction> {
  const { inputs } = transaction
  if (keys.length !== inputs.length) throw new RangeError(`${keys.length} keys for ${inputs.length} inputs`)
  const signing = new SigningContext(transaction, chainId)
  const ours = keys.flatMap((key, index) => (key === undefined ? [] : [{ key, index }]))
  const signed = await signer.sign(
    ours.map(({ key, index }) => ({ secret: key.secret, message: signing.messageOf(index) })),
  )
  const scriptSigs = new Map<number, Uint8Array>()
  for (const [i, { key, index }] of ours.entries()) {
    const pair = signed[i]
    const paidTo = p2pkhHash(key.scriptPubKey)
    if (pair === undefined || paidTo === undefined || !bytesEqual(hash160(pair.publicKey), paidTo)) {
      throw new RangeError(`input ${index} spends an output of another key`)
    }
    scriptSigs.set(index, legacyScriptSig(pair))
  }
  return {
    ...transaction,
    inputs: inputs.map((input, index) => ({ ...input, scriptSig: scriptSigs.get(index) ?? input.scriptSig })),
  }
}
