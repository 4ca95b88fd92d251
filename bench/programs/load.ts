/**
 * The load generator: one process that speaks pre-built bytes at a server and counts what comes back, so that it
 * costs less than what it measures. Prints its result as one line of JSON. load.c is the same in C.
 *
 *     load MODE PORT DIR VERSION_REPLY VERACK_REPLY [NUMBERS...]
 *
 * DIR holds version, verack and ping, each a frame, and flood, any number of frames. The two REPLY numbers are how
 * many bytes the server answers to version and verack; with 0 there is no handshake.
 *
 *     rtt COUNT WARMUP            pings one after the other
 *     pipeline COUNT CONNECTIONS  pings as fast as they are taken, in all
 *     handshakes COUNT PARALLEL   connect, shake hands, close, again and again
 *     hold CONNECTIONS            shakes hands, prints, and keeps them until standard input ends
 *     fair REPEAT REPLY_BYTES     one peer sends flood REPEAT times, which is answered with REPLY_BYTES in all, while
 *                                 another pings
 *     ask COUNT REPLY_BYTES WINDOW
 *                                 sends flood COUNT times, each answered with REPLY_BYTES, WINDOW of them under way
 *     deaf                        floods and never reads, until standard input ends
 */
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'

const [mode = '', portText = '', dir = '', ...numberTexts] = process.argv.slice(2)
const port = Number(portText)
const [versionReply = 0, verackReply = 0, first = 0, second = 0, third = 0] = numberTexts.map(Number)

const version = readFileSync(join(dir, 'version'))
const verack = readFileSync(join(dir, 'verack'))
const ping = readFileSync(join(dir, 'ping'))
const flood = readFileSync(join(dir, 'flood'))

const CHUNK_PINGS = 2_048
const pings = Buffer.concat(Array.from({ length: CHUNK_PINGS }, () => ping))
const received = Buffer.alloc(262_144)

/** A connection that only counts what it reads. */
class Link {
  readonly socket: Socket
  #have = 0
  #wanted = Number.POSITIVE_INFINITY
  #then: () => void = () => undefined

  constructor(ready: (link: Link) => void) {
    const onread = { buffer: received, callback: (bytes: number) => this.#take(bytes) }
    this.socket = connect({ host: '127.0.0.1', port, noDelay: true, onread }, () => ready(this))
    this.socket.on('error', (error) => fail(error.message))
  }

  /** Calls once so many more bytes have come. */
  expect(bytes: number, then: () => void): void {
    this.#wanted = bytes
    this.#then = then
    this.#check()
  }

  shakeHands(then: () => void): void {
    if (versionReply === 0) return then()
    this.socket.write(version)
    this.expect(versionReply, () => {
      this.socket.write(verack)
      this.expect(verackReply, then)
    })
  }

  /** Writes `bytes` in all, made of `chunk` again and again, no faster than it is taken. */
  pour(chunk: Buffer, bytes: number): void {
    let left = bytes
    const more = (): void => {
      let taken = true
      while (left > 0 && taken) {
        const part = left >= chunk.length ? chunk : chunk.subarray(0, left)
        taken = this.socket.write(part)
        left -= part.length
      }
      if (left > 0) this.socket.once('drain', more)
    }
    more()
  }

  #take(bytes: number): boolean {
    this.#have += bytes
    this.#check()
    return true
  }

  #check(): void {
    if (this.#have < this.#wanted) return
    this.#have -= this.#wanted
    this.#wanted = Number.POSITIVE_INFINITY
    this.#then()
  }
}

function fail(text: string): never {
  process.stderr.write(`load: ${text}\n`)
  process.exit(1)
}

function finish(result: Record<string, number>): void {
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0))
}

function seconds(since: number): number {
  return (performance.now() - since) / 1_000
}

/** Pings until told to stop. Gives each round trip in microseconds. */
function pingPong(link: Link, goOn: (roundTripUs: number) => boolean): void {
  let sentAt = 0
  const send = (): void => {
    sentAt = performance.now()
    link.socket.write(ping)
    link.expect(ping.length, arrived)
  }
  const arrived = (): void => {
    if (goOn((performance.now() - sentAt) * 1_000)) send()
  }
  send()
}

function summary(roundTripsUs: readonly number[]): Record<string, number> {
  const sorted = Float64Array.from(roundTripsUs).sort()
  const at = (q: number): number => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0
  return { samples: sorted.length, p50Us: at(0.5), p99Us: at(0.99), maxUs: at(1) }
}

function rtt(count: number, warmup: number): void {
  new Link((link) => {
    link.shakeHands(() => {
      const roundTrips: number[] = []
      let done = 0
      const startedAt = performance.now()
      pingPong(link, (us) => {
        if (++done > warmup) roundTrips.push(us)
        if (done < count + warmup) return true
        finish({ ...summary(roundTrips), perSecond: done / seconds(startedAt) })
        return false
      })
    })
  })
}

function pipeline(count: number, connections: number): void {
  const links: Link[] = []
  let left = connections
  const bytes = Math.floor(count / connections) * ping.length
  const start = (): void => {
    const startedAt = performance.now()
    for (const link of links) {
      link.pour(pings, bytes)
      link.expect(bytes, () => {
        if (--left === 0) finish({ perSecond: (connections * bytes) / ping.length / seconds(startedAt) })
      })
    }
  }
  for (let i = 0; i < connections; i++) {
    new Link((link) => link.shakeHands(() => links.push(link) === connections && start()))
  }
}

function handshakes(count: number, parallel: number): void {
  let begun = 0
  let done = 0
  const times: number[] = []
  const startedAt = performance.now()
  const next = (): void => {
    if (begun++ >= count) return
    const beganAt = performance.now()
    new Link((link) => {
      link.shakeHands(() => {
        times.push((performance.now() - beganAt) * 1_000)
        link.socket.destroy()
        if (++done === count) finish({ ...summary(times), perSecond: count / seconds(startedAt) })
        else next()
      })
    })
  }
  for (let i = 0; i < parallel; i++) next()
}

function hold(connections: number): void {
  let ready = 0
  const next = (): void => {
    new Link((link) => {
      link.shakeHands(() => {
        if (++ready < connections) next()
        else process.stdout.write(`${JSON.stringify({ ready })}\n`)
      })
    })
  }
  next()
}

function fair(repeat: number, replyBytes: number): void {
  new Link((quiet) => {
    quiet.shakeHands(() => {
      new Link((loud) => {
        loud.shakeHands(() => {
          const roundTrips: number[] = []
          let floodedS: number | undefined
          const startedAt = performance.now()
          loud.pour(flood, repeat * flood.length)
          loud.expect(replyBytes, () => {
            floodedS = seconds(startedAt)
          })
          pingPong(quiet, (us) => {
            roundTrips.push(us)
            if (floodedS !== undefined) finish({ ...summary(roundTrips), seconds: floodedS })
            return floodedS === undefined
          })
        })
      })
    })
  })
}

function ask(count: number, replyBytes: number, window: number): void {
  new Link((link) => {
    link.shakeHands(() => {
      let sent = 0
      let done = 0
      const startedAt = performance.now()
      const send = (): void => {
        if (sent++ < count) link.socket.write(flood)
      }
      const arrived = (): void => {
        if (++done === count) return finish({ perSecond: count / seconds(startedAt) })
        send()
        link.expect(replyBytes, arrived)
      }
      for (let i = 0; i < window; i++) send()
      link.expect(replyBytes, arrived)
    })
  })
}

function deaf(): void {
  new Link((link) => {
    link.shakeHands(() => {
      link.socket.pause()
      link.pour(flood, Number.MAX_SAFE_INTEGER)
      process.stdout.write(`${JSON.stringify({ ready: 1 })}\n`)
    })
  })
}

const modes: Readonly<Record<string, (a: number, b: number, c: number) => void>> = {
  rtt,
  pipeline,
  handshakes,
  hold,
  fair,
  ask,
  deaf,
}
const run = modes[mode] ?? fail(`no mode '${mode}'`)
if (mode === 'hold' || mode === 'deaf') process.stdin.resume().on('end', () => process.exit(0))
run(first, second, third)
