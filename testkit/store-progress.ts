/** What the program of store-writer.ts writes, as functions of the step, so that a test can check what is left. */
import type { BlockPosition, StoreChange } from '../src/chain/io.ts'
import type { ChainStore } from '../src/storage/chain-store.ts'
import { ask, briefly, pairsOf, readBlocks, type SampleBlock, sampleBlock } from './stores.ts'

/** Rows `coin N` of so many latest steps exist. */
const COINS = 50

export function writerBlockBytes(step: number): number {
  return step % 20 === 0 ? 60_000 : 500 + (step % 13) * 100
}

export function writerBlock(step: number): SampleBlock {
  return sampleBlock(step, writerBlockBytes(step))
}

/** Step and position in the tip's row and in the block's own, and a window of rows that moves. */
export function writerChanges(step: number, position: BlockPosition, rowBytes: number): StoreChange[] {
  const value = new Uint8Array(16)
  const view = new DataView(value.buffer)
  for (const [i, number] of [step, position.file, position.offset, position.length].entries())
    view.setUint32(4 * i, number, true)
  return [
    { key: `coin ${step}`, value: new Uint8Array(rowBytes).fill(step) },
    { key: `coin ${step - COINS}`, value: undefined },
    { key: `block ${step}`, value },
    { key: 'tip', value },
  ]
}

export function decodeProgress(value: Uint8Array): [step: number, position: BlockPosition] {
  const view = new DataView(value.buffer, value.byteOffset)
  const number = (i: number): number => view.getUint32(4 * i, true)
  return [number(0), { file: number(1), offset: number(2), length: number(3) }]
}

/** The last step in a store, having made sure that everything is as it was after that step. */
export async function checkProgress(store: ChainStore): Promise<number> {
  const [tip] = await ask<(Uint8Array | undefined)[]>(store, { kind: 'get', keys: ['tip'] })
  if (tip === undefined) return 0
  const [step] = decodeProgress(tip)
  const coins = (await pairsOf(store, 'coin ')).map(([key]) => Number(key.slice(5)))
  const expected = Array.from({ length: Math.min(COINS, step) }, (_, i) => step - i)
  if (coins.sort((a, b) => b - a).join() !== expected.join())
    throw new Error(`rows of step ${step} are ${coins.join()}`)
  const blocks = await pairsOf(store, 'block ')
  if (blocks.length !== step) throw new Error(`${blocks.length} blocks at step ${step}`)
  await checkBlocks(
    store,
    blocks.map(([, value]) => value),
  )
  return step
}

async function checkBlocks(store: ChainStore, rows: readonly Uint8Array[]): Promise<void> {
  const written = rows.map(decodeProgress)
  const blocks = await readBlocks(
    store,
    written.map(([, position]) => position),
  )
  for (const [i, [step]] of written.entries())
    if (briefly(blocks[i]) !== briefly(writerBlock(step).block))
      throw new Error(`block ${step} is not what was written`)
}
