/**
 * A program that writes to a store until it is killed or the disk is full, for tests of crashes: blocks, and commits
 * whose rows say how far it came. Prints each commit's number when it was answered, and the error that ended it.
 */
import type { IoResult } from '../src/chain/io.ts'
import { regtest } from '../src/params/networks.ts'
import { openChainStore } from '../src/storage/open-store.ts'
import { decodeProgress, writerBlock, writerBlockBytes, writerChanges } from './store-progress.ts'
import { placeAfter } from './stores.ts'

const FILE_BYTES = 1_000_000

async function write(dir: string, syncEvery: number, rowBytes: number): Promise<void> {
  const store = await openChainStore(dir, { network: regtest })
  const [tip] = valuesOf(await store.perform({ kind: 'get', keys: ['tip'] }))
  let [step, last] = tip === undefined ? [0, undefined] : decodeProgress(tip)
  for (;;) {
    step++
    const file = last === undefined ? 0 : last.file + (last.offset > FILE_BYTES ? 1 : 0)
    last = placeAfter(last, writerBlockBytes(step), file)
    const changes = writerChanges(step, last, rowBytes)
    const results = [
      store.perform({ kind: 'append', position: last, ...writerBlock(step) }),
      store.perform({ kind: 'commit', changes, sync: step % syncEvery === 0 }),
    ]
    for (const result of await Promise.all(results)) valuesOf(result)
    process.stdout.write(`${step}\n`)
  }
}

function valuesOf(result: IoResult): (Uint8Array | undefined)[] {
  if (!result.ok) throw new Error(result.error)
  return (result.value ?? []) as (Uint8Array | undefined)[]
}

const [dir = '', syncEvery = '1', rowBytes = '200'] = process.argv.slice(2)
write(dir, Number(syncEvery), Number(rowBytes)).catch((error: unknown) => {
  process.stdout.write(`error ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 3
})
