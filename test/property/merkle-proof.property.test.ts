/** A proof shows what it was made for and nothing else. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { hashKey } from '../../src/chain/header-node.ts'
import { merkleRoot } from '../../src/chain/merkle.ts'
import { decodeMerkleProof, encodeMerkleProof } from '../../src/chain/merkle-proof.ts'
import { toHex } from '../../src/primitives/bytes.ts'
import { sha3_256 } from '../../src/primitives/sha3.ts'

const BLOCK = new Uint8Array(32).fill(7)
const idOf = (n: number): Uint8Array => sha3_256(Uint8Array.of(n & 0xff, n >> 8))
const idsOf = (count: number): Uint8Array[] => Array.from({ length: count }, (_, n) => idOf(n))

const cases = fc
  .integer({ min: 1, max: 70 })
  .chain((count) => fc.tuple(fc.constant(count), fc.subarray([...Array(count).keys()], { minLength: 1 })))

it('proves what was asked for, by the root of the block', () => {
  fc.assert(
    fc.property(cases, ([count, chosen]) => {
      const txids = idsOf(count)
      const wanted = new Set(chosen.map((n) => hashKey(idOf(n))))
      const proof = decodeMerkleProof(encodeMerkleProof(BLOCK, txids, wanted))
      expect(proof).toEqual({
        blockHash: BLOCK,
        count,
        root: merkleRoot(txids).root,
        txids: chosen.map(idOf),
      })
    }),
  )
})

it('proves nothing else once a bit of it is changed, or the end is missing', () => {
  fc.assert(
    fc.property(cases, fc.nat(), ([count, chosen], place) => {
      const txids = idsOf(count)
      const { root } = merkleRoot(txids)
      const bytes = encodeMerkleProof(BLOCK, txids, new Set(chosen.map((n) => hashKey(idOf(n)))))
      const changed = bytes.slice()
      const at = place % (8 * bytes.length)
      changed[at >> 3] = (changed[at >> 3] ?? 0) ^ (1 << (at & 7))
      const proof = decodeMerkleProof(changed)
      const isSame =
        proof !== undefined &&
        toHex(proof.root) === toHex(root) &&
        toHex(proof.blockHash) === toHex(BLOCK) &&
        proof.count === count
      expect(isSame).toBe(false)
      expect(decodeMerkleProof(bytes.subarray(0, place % bytes.length))).toBeUndefined()
      expect(decodeMerkleProof(new Uint8Array([...bytes, 0]))).toBeUndefined()
    }),
  )
})
