/** Methods that tell why: how connections ended, what was counted, how the process is doing, and what is wrong. */
import * as v from 'valibot'
import { diagnose } from '../node/diagnosis.ts'
import { factsOf } from '../node/diagnosis-facts.ts'
import type { HealthReport } from '../node/health.ts'
import { type ConnectionEnd, describeEnd } from '../node/history.ts'
import type { JsonObject } from './json.ts'
import { method, type RpcMethod } from './method.ts'
import { CONNECTION_TYPES } from './peer-info.ts'

const COUNT = 'a whole number from 1'

export const insightMethods: readonly RpcMethod[] = [
  method({
    name: 'getdisconnects',
    usage: 'getdisconnects [count]',
    summary: 'how the last connections ended, were refused or did not come about, and why; the latest first',
    params: { count: v.optional(v.pipe(v.number(COUNT), v.safeInteger(COUNT), v.minValue(1, COUNT))) },
    run: ({ count }, { control }) => control.history.ends().reverse().slice(0, count).map(describe),
  }),
  method({
    name: 'getcounters',
    usage: 'getcounters',
    summary: 'what happened since the start, counted by event and reason',
    params: {},
    run: (_, { control }) => control.counters(),
  }),
  method({
    name: 'gethealth',
    usage: 'gethealth',
    summary: 'how late the event loop runs, and how much memory the node holds',
    params: {},
    run: (_, { control }) => healthInfo(control.health(), control.uptimeSeconds()),
  }),
  method({
    name: 'getdiagnosis',
    usage: 'getdiagnosis',
    summary:
      'what keeps this node from having peers or its chain from growing, in words, and what to do about it',
    params: {},
    run: (_, { control }) => {
      const { healthy, findings } = diagnose(factsOf(control))
      return { healthy, findings: findings.map((finding) => ({ ...finding })) }
    },
  }),
]

function describe(end: ConnectionEnd): JsonObject {
  const { time, address, inbound, what, reason, detail } = end
  return {
    time,
    address,
    inbound,
    event: what,
    reason,
    reason_str: describeEnd(end),
    ...(end.what === 'refused' ? {} : { connection_type: CONNECTION_TYPES[end.kind] }),
    ...(detail === '' ? {} : { detail }),
    ...(end.what === 'disconnected' ? { handshake_complete: end.wasReady, seconds: end.seconds } : {}),
  }
}

function healthInfo({ eventLoop, memory }: HealthReport, uptime: number): JsonObject {
  const lag = eventLoop && { p50_ms: eventLoop.p50Ms, p99_ms: eventLoop.p99Ms, max_ms: eventLoop.maxMs }
  const { heapUsedBytes, heapTotalBytes, heapLimitBytes, externalBytes, rssBytes } = memory
  return {
    uptime,
    ...(lag === undefined ? {} : { eventloop: lag }),
    heap: { used: heapUsedBytes, total: heapTotalBytes, limit: heapLimitBytes },
    external: externalBytes,
    rss: rssBytes,
  }
}
