/**
 * What Node can do with as little code as possible: the servers that a node is measured beside. `echo` sends
 * back what comes. `plain` speaks just enough of the protocol: it verifies and makes checksums with node:crypto,
 * shakes hands as a node does, answers pings, and writes each message by itself.
 */
import { createHash, randomBytes } from 'node:crypto'
import { createServer, type Socket } from 'node:net'

const MAGIC = 0xfabf_b5da
const HEADER_BYTES = 24
const VERSION_REPLY_BYTES = 135
const NO_PAYLOAD = Buffer.alloc(0)

function checksum(payload: Uint8Array): number {
  const once = createHash('sha3-256').update(payload).digest()
  return createHash('sha3-256').update(once).digest().readUInt32LE(0)
}

function frame(command: string, payload: Uint8Array): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES + payload.length)
  bytes.writeUInt32LE(MAGIC, 0)
  bytes.write(command, 4, 'latin1')
  bytes.writeUInt32LE(payload.length, 16)
  bytes.writeUInt32LE(checksum(payload), 20)
  bytes.set(payload, HEADER_BYTES)
  return bytes
}

function versionPayload(): Buffer {
  const payload = Buffer.alloc(VERSION_REPLY_BYTES)
  payload.writeInt32LE(70011, 0)
  payload.set(randomBytes(8), 72)
  return payload
}

function answer(socket: Socket, command: string, payload: Buffer): void {
  switch (command) {
    case 'ping':
      socket.write(frame('pong', payload))
      return
    case 'version':
      socket.write(frame('version', versionPayload()))
      socket.write(frame('verack', NO_PAYLOAD))
      return
    case 'verack':
      socket.write(frame('getaddr', NO_PAYLOAD))
      socket.write(frame('sendheaders', NO_PAYLOAD))
      socket.write(frame('sendcmpct', Buffer.alloc(9)))
      socket.write(frame('ping', randomBytes(8)))
      return
  }
}

function servePlain(socket: Socket): void {
  let rest: Buffer = NO_PAYLOAD
  socket.on('data', (chunk: Buffer) => {
    const data = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let at = 0
    while (data.length - at >= HEADER_BYTES) {
      const end = at + HEADER_BYTES + data.readUInt32LE(at + 16)
      if (data.length < end) break
      const payload = data.subarray(at + HEADER_BYTES, end)
      if (data.readUInt32LE(at) !== MAGIC || data.readUInt32LE(at + 20) !== checksum(payload)) {
        socket.destroy()
        return
      }
      const name = data.toString('latin1', at + 4, at + 16)
      answer(socket, name.slice(0, name.indexOf('\0')), payload)
      at = end
    }
    rest = data.subarray(at)
  })
}

function serveEcho(socket: Socket): void {
  socket.on('data', (chunk: Buffer) => void socket.write(chunk))
}

const serve = process.argv[2] === 'echo' ? serveEcho : servePlain
const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => undefined)
  serve(socket)
})
server.listen({ port: 0, host: '127.0.0.1', backlog: 511 }, () => {
  const address = server.address()
  if (typeof address === 'object' && address !== null) process.stdout.write(`Listening on ${address.port}\n`)
})
