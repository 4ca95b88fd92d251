/** What a real node knows after it was killed, and after its files were damaged: bans, addresses, anchors. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { ADDRESS_FILE, parseAddressFile } from '../../src/node/address-file.ts'
import { formatEndpoint } from '../../src/primitives/ip.ts'
import { eventually } from '../../testkit/changes.ts'
import { randomFromSeed } from '../../testkit/fuzz.ts'
import { filesIn, Lab, type NodeProcess } from '../../testkit/process.ts'
import { PeerListener } from '../../testkit/tcp-peer.ts'

const lab = new Lab()
afterAll(() => lab.close())

const nowSeconds = (): number => Math.floor(Date.now() / 1_000)

/** "ADDR:PORT" of all that the node knows. */
async function knownTo(node: NodeProcess): Promise<Set<string>> {
  const rows = (await node.rpc('getnodeaddresses', 0)) as { address: string; port: number }[]
  return new Set(rows.map(({ address, port }) => `${address}:${port}`))
}

async function bannedBy(node: NodeProcess): Promise<Set<string>> {
  const rows = (await node.rpc('listbanned')) as { address: string }[]
  return new Set(rows.map(({ address }) => address.replace('/32', '')))
}

/** What stands in the file now; undefined if there is none, or what there is is no such file. */
function savedIn(dataDir: string): Set<string> | undefined {
  const path = join(dataDir, ADDRESS_FILE)
  const saved = existsSync(path) ? parseAddressFile(readFileSync(path)) : undefined
  return saved && new Set(saved.addresses.map(formatEndpoint))
}

describe('a node that is killed again and again while it bans and learns', () => {
  const ROUNDS = 8
  const OPERATIONS = 60

  /** Bans, lifts bans, and learns addresses, until it is gone. What it was told to be done is in the sets. */
  async function work(node: NodeProcess, round: number, killAfter: number): Promise<void> {
    const random = randomFromSeed(round)
    const steps = Array.from({ length: OPERATIONS }, (_, i) => i)
    let clock = nowSeconds()
    const act = async (step: number): Promise<void> => {
      const host = `127.${round + 1}.${step}.${1 + random.below(200)}`
      if (step % 3 === 0) {
        await node.rpc('setban', host, 'add')
        banned.add(host)
      } else if (step % 3 === 1) {
        await node.rpc('addpeeraddress', host, 8_444, random.below(2) === 0)
      } else {
        // The book is saved some time after it has changed.
        clock += 11
        await node.rpc('setmocktime', clock)
      }
      if (step === killAfter) node.signal('SIGKILL')
    }
    // Several at once, so that the end comes in the midst of something.
    const lanes = [0, 1, 2].map(async (lane) => {
      for (const step of steps.slice(lane * 20, (lane + 1) * 20)) await act(step)
    })
    await Promise.allSettled(lanes)
  }

  const banned = new Set<string>()

  it('starts each time, with every ban it had confirmed and every address that was saved', async () => {
    const dataDir = lab.newFolder()
    const random = randomFromSeed(4)
    let known = new Set<string>()
    for (let round = 0; round < ROUNDS; round++) {
      const { node } = await lab.startListening({ args: ['--regtest'], dataDir })
      const [bans, addresses] = [await bannedBy(node), await knownTo(node)]
      for (const host of banned) expect(bans).toContain(host)
      for (const address of known) expect(addresses).toContain(address)
      await work(node, round, random.below(OPERATIONS))
      node.signal('SIGKILL')
      await node.waitForExit()
      expect(node.count(/warning/)).toBe(0)
      expect(node.errors).toEqual([])
      const saved = savedIn(dataDir)
      if (existsSync(join(dataDir, ADDRESS_FILE))) expect(saved).toBeDefined()
      known = saved ?? known
    }
    expect(banned.size).toBeGreaterThan(ROUNDS)
    expect(known.size).toBeGreaterThan(ROUNDS)

    const { node } = await lab.startListening({ args: ['--regtest'], dataDir })
    for (const host of banned) await node.rpc('setban', host, 'remove')
    expect((await node.stop()).code).toBe(0)
    expect(filesIn(dataDir)).toEqual([ADDRESS_FILE, 'banlist.json'])
    expect(savedIn(dataDir)).toEqual(known)
  })
})

describe('a damaged address book', () => {
  /** A book as a node leaves it. */
  async function book(): Promise<{ dataDir: string; bytes: Uint8Array }> {
    const { node } = await lab.startListening({ args: ['--regtest'] })
    for (let i = 1; i <= 20; i++) await node.rpc('addpeeraddress', `127.9.${i}.1`, 8_444)
    expect((await node.stop()).code).toBe(0)
    return { dataDir: node.dataDir, bytes: readFileSync(join(node.dataDir, ADDRESS_FILE)) }
  }

  it('is set aside with a warning, and the node starts and makes a new one', async () => {
    const { dataDir, bytes } = await book()
    const flipped = bytes.with(bytes.length >> 1, (bytes[bytes.length >> 1] ?? 0) ^ 1)
    const damages = [new Uint8Array(), bytes.subarray(0, -40), flipped, Buffer.from('no such file')]
    for (const [i, damaged] of damages.entries()) {
      writeFileSync(join(dataDir, ADDRESS_FILE), damaged)
      const { node } = await lab.startListening({ args: ['--regtest'], dataDir })
      const warning =
        /^\[Node\] warning: .*addresses\.dat is damaged: it was set aside as (.*addresses\.dat\.damaged-\d+), /
      const { match } = await node.waitForLine(warning)
      expect(readFileSync(match[1] ?? '')).toEqual(Buffer.from(damaged))
      expect(await knownTo(node)).toEqual(new Set())
      await node.rpc('addpeeraddress', '127.9.9.9', 8_444)
      expect((await node.stop()).code).toBe(0)
      expect(savedIn(dataDir)).toEqual(new Set(['127.9.9.9:8444']))
      expect(readdirSync(dataDir).filter((name) => name.includes('.damaged-'))).toHaveLength(i + 1)
    }
  })
})

describe('anchors', () => {
  /** Somebody who shakes hands with all who come. */
  async function host(ip: string): Promise<string> {
    const listener = lab.atEnd(await PeerListener.open({}, 0, ip))
    const greet = async (): Promise<void> => {
      for (;;) {
        const peer = await listener.accept(600_000)
        void peer.answerHandshake().catch(() => undefined)
      }
    }
    void greet().catch(() => undefined)
    return `${ip}:${listener.port}`
  }

  // The seed node is only there because a node of this network chooses peers if it has one.
  const start = (dataDir: string) => {
    const args = ['--regtest', '--debug=net', '--seednode=127.0.0.1:1']
    return lab.startListening({ args, dataDir, env: { DILITHION_CONNECT: '' } })
  }

  it.each(['SIGTERM', 'SIGKILL'] as const)('are dialled first after %s', async (signal) => {
    const hosts = await Promise.all(Array.from({ length: 12 }, (_, i) => host(`127.0.4.${i + 1}`)))
    const dataDir = lab.newFolder()
    const { node: first } = await start(dataDir)
    for (const each of hosts) {
      const [ip = '', port] = each.split(':')
      await first.rpc('addpeeraddress', ip, Number(port))
    }
    let clock = nowSeconds()
    const peers = await eventually(async () => {
      clock += 2
      await first.rpc('setmocktime', clock)
      const rows = (await first.rpc('getpeerinfo')) as Record<'addr' | 'connection_type' | 'state', string>[]
      const ready = rows.filter(({ state }) => state === 'handshake-complete')
      return ready.length === 8 ? ready : undefined
    }, 'eight peers of its own choice')
    const blockRelay = peers.filter(({ connection_type: type }) => type === 'block-relay-only')
    const anchors = blockRelay.map(({ addr }) => addr).sort()
    expect(anchors).toHaveLength(2)
    // What changes is on disk soon, whatever happens then.
    await first.rpc('setmocktime', clock + 60)
    await eventually(() => {
      const file = parseAddressFile(readFileSync(join(dataDir, ADDRESS_FILE)))
      return file?.anchors.length === 2 ? true : undefined
    }, 'two saved anchors')
    await first.stop(signal)

    const { node: second } = await start(dataDir)
    const dialled: string[] = []
    for (let from = 0; dialled.length < 3; ) {
      const { match, index } = await second.waitForLine(/^\[P2P\] Connecting to (.*)\.\.\.$/, from)
      dialled.push(match[1] ?? '')
      from = index + 1
    }
    expect(dialled[0]).toBe('127.0.0.1:1')
    expect(dialled.slice(1).sort()).toEqual(anchors)
    expect(second.count(/warning/)).toBe(0)
  })
})
