/** RandomX in processes of their own, from the built library. */
import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'

const LIBRARY = new URL('../../dist/lib/crypto/create-pow-hasher.js', import.meta.url)

function run(program: string): { readonly status: number | null; readonly stdout: string } {
  const text = `import { createPowHasher } from '${LIBRARY}'
    const hasher = createPowHasher({ algorithm: { kind: 'randomx', key: 'any' }, threads: 2 })
    const headers = Array.from({ length: 99 }, (_, i) => new Uint8Array(80).fill(i))
    ${program}`
  return spawnSync(process.execPath, ['--input-type=module', '-e', text], { encoding: 'utf8' })
}

describe('a process with RandomX', () => {
  it('ends by itself once the hasher is closed, whatever was asked of it', () => {
    const { status, stdout } = run(`
      const hashes = hasher.hash(headers, false).catch(({ message }) => console.log(message))
      await hasher.ready()
      await new Promise(setImmediate)
      await hasher.close()
      await hashes`)
    expect([status, stdout]).toEqual([0, 'the proof-of-work hasher is closed\n'])
  })

  it('may end while it hashes', () => {
    const { status } = run(`
      await hasher.ready()
      void hasher.hash(headers, false)
      setImmediate(() => setImmediate(() => process.exit(7)))`)
    expect(status).toBe(7)
  })

  it('loads nothing before the first hash', () => {
    const { stdout } = run(`
      const loaded = () => process.report.getReport().sharedObjects.filter((path) => /koffi|randomx/.test(path)).length
      console.log(loaded())
      await hasher.ready()
      console.log(loaded())
      await hasher.close()`)
    expect(stdout).toBe('0\n2\n')
  })
})
