/**
 * Peers that mean no good, and one that does: each a task that runs until it is done or told to stop. A task is plain
 * data, so that it can be run in another thread, where it delays nobody who measures.
 */
import { setMaxListeners } from 'node:events'
import { FRAME_HEADER_BYTES } from '../src/framing/encoder.ts'
import { regtest } from '../src/params/networks.ts'
import { randomFromSeed } from './fuzz.ts'
import { makeFrame, type PeerOptions, TcpPeer } from './tcp-peer.ts'

export type AttackTask = { readonly port: number } & (
  | { readonly kind: 'pings'; readonly count: number }
  | { readonly kind: 'unknownCommands'; readonly bytes: number; readonly frameBytes: number }
  /** Connects and says nothing. */
  | { readonly kind: 'halfOpen'; readonly count: number }
  /** Asks for answers that it does not read. */
  | { readonly kind: 'slowReader'; readonly pings: number }
  /** Begins long messages and sends them byte by byte. */
  | { readonly kind: 'trickle'; readonly count: number }
  /** Connections that come, do one of these things, and go, for ever. */
  | { readonly kind: 'churn'; readonly peers: number; readonly seed: number }
)

const PINGS_PER_PIECE = 1_000
const PIECE_BYTES = 1_048_576
const TRICKLE_INTERVAL_MS = 50
const TRICKLED_BYTES = 1_000_000
/** What one connection of a churn does at most. */
const CHURN_PINGS = 20_000
const CHURN_BYTES = 8_388_608
const CHURN_STAY_MS = 10_000

const pingFrame = makeFrame(regtest.magic, 'ping', new Uint8Array(8))
const pings = (count: number): Buffer => Buffer.concat(Array<Uint8Array>(count).fill(pingFrame))

/** Resolves when the task is done, the node has ended it, or `signal` says so. */
export async function attack(task: AttackTask, signal: AbortSignal): Promise<void> {
  // Every connection of a crowd listens to it.
  setMaxListeners(0, signal)
  switch (task.kind) {
    case 'pings':
      return flood(task.port, pings(PINGS_PER_PIECE), Math.ceil(task.count / PINGS_PER_PIECE), signal)
    case 'unknownCommands': {
      const piece = unknownCommands(task.frameBytes)
      return flood(task.port, piece, Math.ceil(task.bytes / piece.length), signal)
    }
    case 'halfOpen':
      return crowd(task.count, (i) => silence(task.port, address(i), signal))
    case 'slowReader':
      return readNothing(task.port, task.pings, signal)
    case 'trickle':
      return crowd(task.count, (i) => trickle(task.port, address(i), signal))
    case 'churn':
      return crowd(task.peers, (i) => churn(task.port, task.seed, i, signal))
  }
}

/** Every one of them from another network group, on loopback. */
function address(i: number): string {
  return `127.${16 + (i >> 12)}.${(i >> 6) & 63}.${1 + (i & 63)}`
}

async function crowd(count: number, one: (i: number) => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, i) => one(i)))
}

/** About a megabyte of frames that no node knows. */
function unknownCommands(frameBytes: number): Buffer {
  const frame = makeFrame(regtest.magic, 'nobodyknows', new Uint8Array(frameBytes - FRAME_HEADER_BYTES))
  return Buffer.concat(Array<Uint8Array>(Math.ceil(PIECE_BYTES / frame.length)).fill(frame))
}

/** Until the node has taken all of it, on as many connections as that needs. */
async function flood(port: number, piece: Buffer, times: number, signal: AbortSignal): Promise<void> {
  for (let left = times; left > 0 && !signal.aborted; ) {
    const peer = await enter(port, signal)
    if (peer === undefined) return
    left = await send(peer, piece, left, signal)
    if (!peer.hasEnded && !signal.aborted) await answered(peer)
    await leave(peer)
  }
}

/** A connection whose handshake is complete, however often it takes. Undefined if it is time to go. */
async function enter(
  port: number,
  signal: AbortSignal,
  options: PeerOptions = {},
): Promise<TcpPeer | undefined> {
  while (!signal.aborted) {
    const peer = await dial(port, '127.0.0.1', options)
    if (peer !== undefined && (await joined(peer))) return peer
    await aborted(signal, RETRY_MS)
  }
  return undefined
}

/** As fast as the node takes it. Returns how often it is still to be sent. */
async function send(peer: TcpPeer, piece: Buffer, times: number, signal: AbortSignal): Promise<number> {
  let left = times
  for (; left > 0 && !peer.hasEnded && !signal.aborted; left--) {
    if (!peer.sendBytes(piece)) await drained(peer)
  }
  return left
}

/** Resolves when the system takes more, or the connection has ended; however long that takes. */
function drained({ socket }: TcpPeer): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off('drain', done)
      socket.off('close', done)
      resolve()
    }
    socket.once('drain', done)
    socket.once('close', done)
    if (socket.destroyed) done()
  })
}

async function answered(peer: TcpPeer): Promise<void> {
  await peer.ping(FOREVER_MS).catch(() => undefined)
}

async function silence(port: number, localAddress: string, signal: AbortSignal): Promise<void> {
  const peer = await dial(port, localAddress)
  if (peer !== undefined) await stay(peer, signal)
}

async function readNothing(port: number, count: number, signal: AbortSignal): Promise<void> {
  const peer = await enter(port, signal, { answersPings: false })
  if (peer === undefined) return
  peer.socket.pause()
  const piece = pings(PINGS_PER_PIECE)
  for (let i = 0; i < count / PINGS_PER_PIECE; i++) peer.sendBytes(piece)
  await stay(peer, signal)
}

async function trickle(port: number, localAddress: string, signal: AbortSignal): Promise<void> {
  const peer = await dial(port, localAddress, { answersPings: false })
  if (peer === undefined) return
  if (!(await joined(peer))) return
  // Its one round trip is known, so that it is no easy victim for newcomers.
  const ping = await peer.next('ping').catch(() => undefined)
  if (ping !== undefined) peer.send({ type: 'pong', nonce: ping.nonce })
  peer.sendBytes(makeFrame(regtest.magic, 'inv', new Uint8Array(1), { length: TRICKLED_BYTES }))
  const timer = setInterval(() => peer.sendBytes(new Uint8Array(1)), TRICKLE_INTERVAL_MS)
  await stay(peer, signal)
  clearInterval(timer)
}

/** One connection after another, each from anywhere. */
async function churn(port: number, seed: number, lane: number, signal: AbortSignal): Promise<void> {
  const random = randomFromSeed(seed).fork(`lane ${lane}`)
  while (!signal.aborted) {
    const localAddress = `127.${1 + random.below(250)}.${random.below(250)}.${1 + random.below(250)}`
    const peer = await dial(port, localAddress)
    const stayMs = 1 + random.below(CHURN_STAY_MS)
    if (peer === undefined) {
      await aborted(signal, stayMs)
      continue
    }
    const isSilent = random.below(4) === 0
    const isIn = !isSilent && (await joined(peer))
    if (isIn) await misbehave(peer, random.below(8), random.unit(), signal)
    if (!peer.hasEnded) await stay(peer, signal, stayMs)
  }
}

async function misbehave(peer: TcpPeer, choice: number, share: number, signal: AbortSignal): Promise<void> {
  if (choice === 0) await send(peer, pings(PINGS_PER_PIECE), (share * CHURN_PINGS) / PINGS_PER_PIECE, signal)
  else if (choice === 1)
    await send(peer, unknownCommands(32_768), (share * CHURN_BYTES) / PIECE_BYTES, signal)
  else if (choice === 2) {
    peer.socket.pause()
    peer.sendBytes(pings(CHURN_PINGS))
  } else if (choice === 3)
    peer.sendBytes(makeFrame(regtest.magic, 'inv', new Uint8Array(1_000), { length: TRICKLED_BYTES }))
  else if (choice === 4 && share < 0.1)
    peer.sendBytes(makeFrame(regtest.magic, 'ping', new Uint8Array(8), { checksum: 0 }))
  else await answered(peer)
}

/** Between two attempts to get in. */
const RETRY_MS = 50
const FOREVER_MS = 2 ** 31 - 1

async function dial(
  port: number,
  localAddress: string,
  options: PeerOptions = {},
): Promise<TcpPeer | undefined> {
  return await TcpPeer.connect({ port, localAddress, ...options }).catch(() => undefined)
}

async function joined(peer: TcpPeer): Promise<boolean> {
  return await peer.shakeHands().then(
    () => true,
    async () => {
      await leave(peer)
      return false
    },
  )
}

/** Until the node ends the connection, or it is time to go. */
async function stay(peer: TcpPeer, signal: AbortSignal, longestMs = FOREVER_MS): Promise<void> {
  const ended = peer.waitForEnd(FOREVER_MS).catch(() => undefined)
  await Promise.race([ended, aborted(signal, longestMs)])
  await leave(peer)
}

async function leave(peer: TcpPeer): Promise<void> {
  // Who does not read never sees an end in good order.
  peer.socket.destroy()
  await peer.waitForEnd()
}

/** Resolves at the signal, or after that time. */
function aborted(signal: AbortSignal, longestMs: number): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, longestMs)
    if (signal.aborted) done()
    else signal.addEventListener('abort', done)
  })
}
