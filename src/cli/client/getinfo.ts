/** How a node and its chain are doing, in some lines: what Bitcoin's client shows by -getinfo. */
import * as v from 'valibot'
import { printable } from '../../primitives/bytes.ts'
import { UserError } from '../../primitives/errors.ts'
import { RpcError } from '../../rpc/errors.ts'
import type { RpcClient } from './rpc-client.ts'
import { formatAge, formatBytes } from './units.ts'

const networkSchema = v.object({
  version: v.string(),
  subversion: v.string(),
  protocolversion: v.number(),
  timeoffset: v.optional(v.number()),
  connections: v.optional(v.number()),
  connections_in: v.optional(v.number()),
  connections_out: v.optional(v.number()),
  warnings: v.optional(v.string(), ''),
})
const chainSchema = v.object({
  chain: v.string(),
  blocks: v.number(),
  headers: v.optional(v.number()),
  difficulty: v.number(),
  mediantime: v.optional(v.number()),
  verificationprogress: v.optional(v.number()),
  initialblockdownload: v.optional(v.boolean(), false),
  size_on_disk: v.optional(v.number()),
  pruned: v.optional(v.boolean(), false),
  unchecked_rules: v.optional(v.string(), ''),
  warnings: v.optional(v.string(), ''),
})
const mempoolSchema = v.object({ size: v.number(), bytes: v.number() })

export interface InfoData {
  readonly network: v.InferOutput<typeof networkSchema>
  /** Undefined if the node keeps none. */
  readonly chain: v.InferOutput<typeof chainSchema> | undefined
  readonly mempool: v.InferOutput<typeof mempoolSchema> | undefined
  /** Seconds since the node started. */
  readonly uptime: number | undefined
}

const METHODS = ['getnetworkinfo', 'getblockchaininfo', 'getmempoolinfo', 'uptime']
const BAR_CELLS = 20
/** From here on the chain is as good as whole. */
const WHOLE = 0.9999
const BOLD = '\x1b[1m'
const RED = '\x1b[31m'
const RESET = '\x1b[0m'

export async function fetchInfo(client: Pick<RpcClient, 'batch'>): Promise<InfoData> {
  const [network, chain, mempool, uptime] = await client.batch(METHODS)
  if (network instanceof RpcError) throw network
  const checked = v.safeParse(networkSchema, network)
  if (!checked.success)
    throw new UserError(`The node's answer lacks what -getinfo shows: ${checked.issues[0].message}`)
  return {
    network: checked.output,
    chain: known(chainSchema, chain),
    mempool: known(mempoolSchema, mempool),
    uptime: known(v.number(), uptime),
  }
}

/** Undefined if the node does not tell it. */
function known<T>(schema: v.GenericSchema<unknown, T>, result: unknown): T | undefined {
  const checked = v.safeParse(schema, result)
  return checked.success ? checked.output : undefined
}

/** Pure: lines of text. With a bar on a terminal. */
export function renderInfo(data: InfoData, view: { color: boolean; isTerminal: boolean }): string[] {
  const { network, chain, mempool, uptime } = data
  const paint = (style: string, text: string): string => (view.color ? style + text + RESET : text)
  const lines: string[] = []
  const add = (title: string, text: string): number => lines.push(`${paint(BOLD, `${title}:`)} ${text}`)
  if (chain !== undefined) {
    add('Chain', plain(chain.chain))
    add('Blocks', String(chain.blocks))
    if (chain.headers !== undefined) add('Headers', String(chain.headers))
    if (chain.verificationprogress !== undefined)
      add('Verification progress', progress(chain.verificationprogress, view.isTerminal))
    add('Difficulty', String(chain.difficulty))
    if (chain.size_on_disk !== undefined)
      add('On disk', formatBytes(chain.size_on_disk) + (chain.pruned ? ', old blocks deleted' : ''))
    lines.push('')
  }
  const { connections_in: inbound = 0, connections_out: outbound = 0, connections } = network
  add('Network', `in ${inbound}, out ${outbound}, total ${connections ?? inbound + outbound}`)
  add(
    'Version',
    `${plain(network.version)} ${plain(network.subversion)}, protocol ${network.protocolversion}`,
  )
  if (network.timeoffset !== undefined) add('Time offset (s)', String(network.timeoffset))
  if (uptime !== undefined) add('Up', formatAge(uptime))
  if (mempool !== undefined) {
    const { size, bytes } = mempool
    add('Mempool', `${size} transaction${size === 1 ? '' : 's'}, ${formatBytes(bytes)}`)
  }
  const warnings = [network.warnings, chain?.warnings ?? '', chain?.unchecked_rules ?? ''].filter(Boolean)
  lines.push('')
  const none = warnings.length === 0
  add('Warnings', none ? '(none)' : paint(RED, warnings.map((text) => plain(text)).join('; ')))
  return lines
}

function progress(part: number, isTerminal: boolean): string {
  const percent = `${(part * 100).toFixed(4)}%`
  if (!isTerminal || part >= WHOLE) return percent
  const full = Math.floor(part * BAR_CELLS)
  return `${'▒'.repeat(full)}${'░'.repeat(BAR_CELLS - full)} ${percent}`
}

const plain = (text: string): string => printable(text, 300)
