/** Real processes on the network of a chain file. */
import { existsSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { Lab } from '../../testkit/process.ts'

const EXAMPLE = resolve(import.meta.dirname, '../../examples/eased-mainnet.chain.json')
const lab = new Lab()
afterAll(() => lab.close())

describe('the network of a chain file', () => {
  it('is joined by nodes that find each other, and by nobody else on its magic', async () => {
    const args = [`--chain-file=${EXAMPLE}`]
    const first = await lab.startListening({ args, dataDir: undefined })
    await first.node.waitForLine(/^\[Node\] Dilithion node v\S+, eased-mainnet, data in .*\.dilithion-eased$/)
    expect(existsSync(join(first.node.home, '.dilithion-eased', '.lock'))).toBe(true)
    const connect = `--connect=127.0.0.1:${first.port}`
    const second = lab.start({ args: [connect], env: { DILITHION_CHAIN_FILE: EXAMPLE } })
    await second.waitForLine(/^\[P2P\] Handshake complete with peer 1$/)
    expect(await second.rpc('getnetworkinfo')).toMatchObject({ network: 'eased-mainnet' })
    // Mainnet has another first block.
    const stranger = lab.start({ args: [connect] })
    await stranger.waitForLine(/genesis/)
    expect(stranger.count(/Handshake complete/)).toBe(0)
  })

  it('is refused with the field that is wrong', async () => {
    const path = join(lab.newFolder(), 'own.json')
    writeFileSync(path, '{"name": "own", "magic": 7}')
    const node = lab.start({ args: [`--chain-file=${path}`] })
    expect((await node.waitForExit()).code).toBe(1)
    expect(node.errors).toEqual([
      `dilithion-node: chain file ${path}: magic: expected text such as "0xd1714102", got 7`,
    ])
  })
})
