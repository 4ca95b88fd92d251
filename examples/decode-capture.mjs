// Prints the messages in a capture, the raw bytes of one direction of a connection:
//   node examples/decode-capture.mjs FILE [NETWORK]
import { createReadStream } from 'node:fs'
import { decodePayload, FrameDecoder, networks, toHex } from 'dilithion'

const [file, network = 'mainnet'] = process.argv.slice(2)
if (!file || !networks[network]) throw new Error('usage: decode-capture.mjs FILE [mainnet|testnet|regtest]')

const { magic, chain } = networks[network]
const decoder = new FrameDecoder(magic, chain)
for await (const chunk of createReadStream(file)) {
  decoder.push(chunk)
  for (let event = decoder.next(); event; event = decoder.next()) {
    if (event.kind === 'frame') console.log(event.type, show(decodePayload(event.type, event.payload, chain)))
    else console.log(event.kind, event.kind === 'skipped' ? event.command : `${event.code}: ${event.detail}`)
  }
}

function show(result) {
  const plain = (_, v) => (typeof v === 'bigint' ? String(v) : v instanceof Uint8Array ? toHex(v) : v)
  return JSON.stringify(result.ok ? result.value : result.error, plain)
}
