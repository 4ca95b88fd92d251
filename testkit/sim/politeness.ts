/**
 * What a node may send to one peer without being thought rude by any other program of the network (wire-protocol
 * 5.4, 5.5, 5.14, 9.1). Bounded by the largest allowance.
 */
import { ADDR_INTERVAL_MS, MAX_ADDR_ANSWER } from '../../src/params/limits.ts'
import { formatIp, isRoutable } from '../../src/primitives/ip.ts'
import { decodePayload, type MessageType } from '../../src/wire/messages.ts'

interface Allowance {
  readonly messages: number
  readonly windowMs: number
}

/** Others count in whole seconds, so their second may be nearly two of ours. */
const ALLOWANCES: Partial<Record<MessageType, Allowance>> = {
  addr: { messages: 1, windowMs: ADDR_INTERVAL_MS },
  inv: { messages: 200, windowMs: 2_000 },
  getdata: { messages: 50, windowMs: 2_000 },
  mempool: { messages: 1, windowMs: 61_000 },
  getaddr: { messages: 1, windowMs: Number.POSITIVE_INFINITY },
}

export class Politeness {
  /** When the latest messages of a type were sent. */
  #sent: Map<MessageType, number[]> | undefined

  /** Throws if that was too often. */
  sent(type: MessageType, mono: number): void {
    const allowance = ALLOWANCES[type]
    if (allowance === undefined) return
    this.#sent ??= new Map()
    const times = this.#sent.get(type) ?? []
    this.#sent.set(type, times)
    while (times[0] !== undefined && times[0] + allowance.windowMs <= mono) times.shift()
    times.push(mono)
    if (times.length > allowance.messages)
      throw new Error(`${times.length} '${type}' within ${allowance.windowMs} ms`)
  }
}

/** Throws if an `addr` tells what nobody should be told. */
export function checkAddresses(payload: Uint8Array, mayBePrivate: boolean): void {
  const message = decodePayload('addr', payload)
  if (!message.ok || message.value.type !== 'addr') throw new Error("an 'addr' that can't be read")
  const { addresses } = message.value
  if (addresses.length > MAX_ADDR_ANSWER) throw new Error(`${addresses.length} addresses in one 'addr'`)
  for (const { ip, port } of addresses) {
    if (port === 0) throw new Error(`an address with port 0: ${formatIp(ip)}`)
    if (!mayBePrivate && !isRoutable(ip)) throw new Error(`an address that leads nowhere: ${formatIp(ip)}`)
  }
}
