/** Transactions that differ in one field. */
import type { Transaction } from '../src/wire/transaction.ts'

/** Every change of one field that a signature covers, by the name of what changed. */
export function changesOf(transaction: Transaction): Map<string, Transaction> {
  const { version, inputs, outputs, lockTime } = transaction
  const flip = (data: Uint8Array): Uint8Array =>
    data.length === 0 ? Uint8Array.of(0) : data.with(0, ~(data[0] ?? 0))
  const changes = new Map<string, Transaction>([
    ['version', { ...transaction, version: ~version }],
    ['lock time', { ...transaction, lockTime: (lockTime ^ 1) >>> 0 }],
    ['an input more', { ...transaction, inputs: [...inputs, ...inputs.slice(0, 1)] }],
    ['an output less', { ...transaction, outputs: outputs.slice(1) }],
  ])
  for (const [i, input] of inputs.entries()) {
    const set = (name: string, fields: Partial<typeof input>) =>
      changes.set(`${name} of input ${i}`, {
        ...transaction,
        inputs: inputs.with(i, { ...input, ...fields }),
      })
    set('previous hash', { previousHash: flip(input.previousHash) })
    set('previous index', { previousIndex: (input.previousIndex ^ 1) >>> 0 })
    set('sequence', { sequence: (input.sequence ^ 1) >>> 0 })
  }
  for (const [i, output] of outputs.entries()) {
    const set = (name: string, fields: Partial<typeof output>) =>
      changes.set(`${name} of output ${i}`, {
        ...transaction,
        outputs: outputs.with(i, { ...output, ...fields }),
      })
    set('value', { value: output.value ^ 1n })
    set('script', { scriptPubKey: flip(output.scriptPubKey) })
  }
  return changes
}
