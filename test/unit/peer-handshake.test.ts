import { describe, expect, it } from 'vitest'
import { regtest, testnet } from '../../src/params/networks.ts'
import { judgeVersion, rememberVersion } from '../../src/peer/handshake.ts'
import { peerId } from '../../src/primitives/brand.ts'
import { RejectCode } from '../../src/wire/control.ts'
import { ipOf } from '../../testkit/sim/probe.ts'
import { v1Version, versionOf } from '../../testkit/sim/scripted.ts'

const nobody = new Map<bigint, never>()

describe('judgeVersion', () => {
  it('takes what the own network sends', () => {
    expect(judgeVersion(versionOf(regtest), regtest, nobody)).toEqual({ accepted: true })
    expect(judgeVersion(versionOf(testnet), testnet, nobody)).toEqual({ accepted: true })
  })

  it('recognises itself by any nonce in use, and says nothing to itself', () => {
    const nonces = new Map([
      [1n, peerId(1)],
      [2n, peerId(2)],
    ])
    const verdict = judgeVersion(versionOf(regtest, { nonce: 2n }), regtest, nonces)
    expect(verdict).toEqual({ accepted: false, reason: 'selfConnection' })
    expect(judgeVersion(versionOf(regtest, { nonce: 3n }), regtest, nonces).accepted).toBe(true)
  })

  it('never takes a nonce of 0 for its own', () => {
    const nonces = new Map([[0n, peerId(1)]])
    expect(judgeVersion(v1Version(), testnet, nonces).accepted).toBe(true)
  })

  it('refuses another chain before it looks at the version', () => {
    const version = versionOf(regtest, { genesisHash: new Uint8Array(32), version: 1 })
    expect(judgeVersion(version, regtest, nobody)).toMatchObject({
      reason: 'wrongGenesis',
      reject: { code: RejectCode.invalid },
    })
  })

  it('judges those who name no chain by their version alone', () => {
    expect(judgeVersion(v1Version({ version: 70_005 }), regtest, nobody).accepted).toBe(true)
    expect(judgeVersion(v1Version({ version: 70_004 }), regtest, nobody)).toMatchObject({
      reason: 'obsoleteVersion',
      reject: { code: RejectCode.obsolete, text: 'protocol version must be 70005 or greater' },
    })
  })

  it('has a minimum but no maximum, and takes no negative version', () => {
    expect(judgeVersion(versionOf(regtest, { version: 0x7fff_ffff }), regtest, nobody).accepted).toBe(true)
    expect(judgeVersion(versionOf(regtest, { version: -1 }), regtest, nobody).accepted).toBe(false)
  })
})

describe('rememberVersion', () => {
  it('holds on to no received bytes', () => {
    const ip = ipOf('1.2.3.4')
    const receiver = { services: 1n, ip, port: 5 }
    const kept = rememberVersion(versionOf(regtest, { receiver }), 1_762_000_000)
    ip.fill(0)
    expect(kept.seesUsAs).toEqual({ ip: ipOf('1.2.3.4'), port: 5 })
    expect(kept.timeOffset).toBe(0)
  })

  it('keeps how far the other clock is off, however far that is', () => {
    expect(rememberVersion(versionOf(regtest, { time: 1_000n }), 1_060).timeOffset).toBe(-60)
    expect(rememberVersion(versionOf(regtest, { time: -(2n ** 63n) }), 0).timeOffset).toBe(-(2 ** 63))
    expect(rememberVersion(v1Version({ time: 1_090n }), 1_060)).toMatchObject({
      timeOffset: 30,
      layout: 'v1',
    })
  })
})
