import { expect, it } from 'vitest'
import { p2pkhScript } from '../../src/script/templates.ts'
import { balanceOf, type Surroundings, unspentCoins } from '../../src/wallet/balance.ts'
import { WalletHistory } from '../../src/wallet/history.ts'
import { type Transaction, txidOf } from '../../src/wire/transaction.ts'

const OURS = new Uint8Array(20).fill(1)
const around: Surroundings = { tipHeight: 9, maturityBlocks: 2, isPending: () => false }

function pay(from: readonly Uint8Array[], value: number): Transaction {
  const inputs = from.map((previousHash) => ({
    previousHash,
    previousIndex: 0,
    scriptSig: new Uint8Array(),
    sequence: 0,
  }))
  return {
    version: 1,
    inputs,
    outputs: [{ value: BigInt(value), scriptPubKey: p2pkhScript(OURS) }],
    lockTime: 0,
  }
}

it('a payment of ours whose coins went with an undone block counts only when they are back', () => {
  const history = new WalletHistory((hash) => hash[0] === OURS[0])
  const [kept, undone] = [pay([new Uint8Array(32).fill(7)], 100), pay([new Uint8Array(32).fill(8)], 30)]
  const mine = (transaction: Transaction, height: number): void => {
    const block = { height, hash: new Uint8Array(32).fill(height), time: height, position: 1 }
    history.mined(transaction, () => txidOf(transaction), block)
  }
  mine(kept, 3)
  mine(undone, 5)
  const payment = pay([txidOf(kept), txidOf(undone)], 120)
  history.seen(payment, txidOf(payment), 6, new Uint8Array(1))
  expect(balanceOf(history, around)).toEqual({ confirmed: 0, unconfirmed: 120, immature: 0 })
  history.undoAbove(4)
  expect(balanceOf(history, around)).toEqual({ confirmed: 100, unconfirmed: 0, immature: 0 })
  expect([...unspentCoins(history, around)].map(({ output }) => output.value)).toEqual([100])
  mine(undone, 6)
  expect(balanceOf(history, around)).toEqual({ confirmed: 0, unconfirmed: 120, immature: 0 })
})
