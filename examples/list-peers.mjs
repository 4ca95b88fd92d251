// Lists the peers that a node knows: node examples/list-peers.mjs [HOST[:PORT]] [NETWORK]
import { connect, formatEndpoint, networks, parseHostPort } from 'dilithion'

const [address = '127.0.0.1', network = 'mainnet'] = process.argv.slice(2)
const params = networks[network]
const target = params && parseHostPort(address, params.defaultPort)
if (!target) throw new Error('usage: list-peers.mjs [HOST[:PORT]] [mainnet|testnet|regtest]')

const client = await connect({ network, ...target })
const { userAgent, version, startHeight } = client.version
console.log(`${address} runs ${userAgent}, protocol ${version}, height ${startHeight}`)

client.send({ type: 'getaddr' })
try {
  const { addresses } = await client.next('addr', 5_000)
  for (const peer of addresses) console.log(`${formatEndpoint(peer)}  services ${peer.services}`)
} catch {
  console.log('It named no peers.')
}
await client.close()
