/** What every benchmark gets: the builds to measure, the bare servers beside them, and how often to repeat. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { FrameDecoder } from '../src/framing/decoder.ts'
import { regtest } from '../src/params/networks.ts'
import { frameOf, pingMessage, versionMessage } from './frames.ts'
import { type Greeting, type LoadProgram, type Server, type Subject, scratchDir } from './processes.ts'
import type { Row } from './report.ts'

export interface BenchContext {
  readonly rounds: number
  /** Builds of the node, at least one. */
  readonly nodes: readonly Subject[]
  readonly echo: Subject
  readonly plain: Subject
  /** Scales the amount of work: 1 normally, less for a quick look. */
  readonly scale: number
  /** The load generator, with `flood` in its files. */
  load(flood?: Uint8Array): LoadProgram
  /** The program of a peer that does nothing but ping. */
  readonly pinger: string
  /** The code of the threads that verify. */
  readonly signatureWorker: URL
}

export interface Suite {
  readonly name: string
  readonly about: string
  run(context: BenchContext): Promise<Row[]>
}

export function nodeSubject(name: string, program: string): Subject {
  return {
    name,
    isNode: true,
    command: (dataDir, maxConnections) => [
      program,
      '--regtest',
      `--datadir=${dataDir}`,
      '--bind=127.0.0.1',
      '--port=0',
      '--rpcport=0',
      `--maxconnections=${maxConnections}`,
    ],
  }
}

export function bareSubject(name: 'echo' | 'plain', program: string): Subject {
  return { name, isNode: false, command: () => [program, name] }
}

/** Writes what the load generator sends into a directory of its own. */
export function loadProgram(
  command: LoadProgram['command'],
  flood: Uint8Array = new Uint8Array(0),
): LoadProgram {
  const dir = mkdtempSync(join(scratchDir, 'load-'))
  writeFileSync(join(dir, 'version'), frameOf(versionMessage()))
  writeFileSync(join(dir, 'verack'), frameOf({ type: 'verack' }))
  writeFileSync(join(dir, 'ping'), frameOf(pingMessage()))
  writeFileSync(join(dir, 'flood'), flood)
  return { command, dir }
}

/** Shakes hands once, to know how many bytes the server says at each step. */
export function probeGreeting(server: Server): Promise<Greeting> {
  if (server.subject.name === 'echo') return Promise.resolve({ versionReply: 0, verackReply: 0 })
  return new Promise((resolve, reject) => {
    const decoder = new FrameDecoder(regtest.magic)
    let bytes = 0
    let versionReply = 0
    const socket = connect({ host: '127.0.0.1', port: server.port }, () => {
      socket.write(frameOf(versionMessage()))
    })
    socket.once('error', reject)
    socket.on('data', (chunk: Uint8Array) => {
      decoder.push(chunk)
      for (let event = decoder.next(); event !== undefined; event = decoder.next()) {
        if (event.kind !== 'frame') return reject(new Error(`the server sent something odd: ${event.kind}`))
        bytes += 24 + event.payload.length
        if (event.type === 'verack') {
          versionReply = bytes
          socket.write(frameOf({ type: 'verack' }))
        } else if (event.type === 'ping') {
          socket.destroy()
          resolve({ versionReply, verackReply: bytes - versionReply })
        }
      }
    })
  })
}
