/** What the table of peers is made from, asked for at once. Nodes may leave out what only newer ones tell. */
import * as v from 'valibot'
import { UserError } from '../../primitives/errors.ts'
import { RpcError } from '../../rpc/errors.ts'
import type { RpcClient } from './rpc-client.ts'

const peerSchema = v.object({
  id: v.number(),
  addr: v.string(),
  inbound: v.boolean(),
  bytes_sent: v.optional(v.number(), 0),
  bytes_recv: v.optional(v.number(), 0),
  conntime: v.optional(v.number(), 0),
  lastsend: v.optional(v.number(), 0),
  lastrecv: v.optional(v.number(), 0),
  version: v.optional(v.number(), 0),
  subver: v.optional(v.string(), ''),
  startingheight: v.optional(v.number(), 0),
  pingtime: v.optional(v.number()),
  minping: v.optional(v.number()),
  connection_type: v.optional(v.string(), ''),
  state: v.optional(v.string(), ''),
})
const networkSchema = v.object({
  version: v.string(),
  subversion: v.string(),
  protocolversion: v.number(),
  network: v.optional(v.string()),
  listenport: v.optional(v.number()),
  maxconnections: v.optional(v.number()),
})
const totalsSchema = v.object({
  totalbytesrecv: v.number(),
  totalbytessent: v.number(),
  timemillis: v.number(),
})

export type NetinfoPeer = v.InferOutput<typeof peerSchema>

export interface NetinfoData {
  readonly network: v.InferOutput<typeof networkSchema>
  readonly peers: readonly NetinfoPeer[]
  readonly totals: v.InferOutput<typeof totalsSchema> | undefined
  /** Seconds since the node started. */
  readonly uptime: number | undefined
  /** The node's clock, in Unix seconds. */
  readonly now: number
}

const METHODS = ['getnetworkinfo', 'getpeerinfo', 'getnettotals', 'uptime']

/** `now`: our own clock in Unix milliseconds, for nodes that don't tell theirs. */
export async function fetchNetinfo(
  client: Pick<RpcClient, 'batch'>,
  now: () => number,
): Promise<NetinfoData> {
  const [network, peers, totals, uptime] = await client.batch(METHODS)
  const knownTotals = v.safeParse(totalsSchema, totals)
  const knownUptime = v.safeParse(v.number(), uptime)
  return {
    network: need('getnetworkinfo', networkSchema, network),
    peers: need('getpeerinfo', v.array(peerSchema), peers),
    totals: knownTotals.success ? knownTotals.output : undefined,
    uptime: knownUptime.success ? knownUptime.output : undefined,
    now: (knownTotals.success ? knownTotals.output.timemillis : now()) / 1_000,
  }
}

function need<T>(method: string, schema: v.GenericSchema<unknown, T>, result: unknown): T {
  if (result instanceof RpcError) throw result
  const checked = v.safeParse(schema, result)
  if (checked.success) return checked.output
  throw new UserError(
    `The node's answer to ${method} lacks what -netinfo shows: ${checked.issues[0].message}`,
  )
}
