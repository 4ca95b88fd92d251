/**
 * What a node may send to one peer without being thought rude by any other program of the network (wire-protocol
 * 5.4, 5.5, 5.14, 9.1). Bounded by the largest allowance.
 */
import { ADDR_INTERVAL_MS, MAX_ADDR_ANSWER } from '../../src/params/limits.ts'
import { latin1Decode } from '../../src/primitives/bytes.ts'
import { formatIp, isRoutable } from '../../src/primitives/ip.ts'
import { InvType } from '../../src/wire/inventory.ts'
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

/** Blocks that were asked of one connection: nobody takes it well to be asked again (wire-protocol 5.7). */
export class BlocksAsked {
  #hashes: Set<string> | undefined

  /** Throws if a block of this `getdata` was asked for before. */
  ask(payload: Uint8Array): void {
    const message = decodePayload('getdata', payload)
    if (!message.ok) throw new Error("a 'getdata' that can't be read")
    this.#hashes ??= new Set()
    for (const { type, hash } of message.value.inventory) {
      const key = latin1Decode(hash)
      if (type !== InvType.block) continue
      if (this.#hashes.has(key)) throw new Error('a block is asked for twice on one connection')
      this.#hashes.add(key)
    }
  }
}

/** Throws if an `addr` tells what nobody should be told. */
export function checkAddresses(payload: Uint8Array, mayBePrivate: boolean): void {
  const message = decodePayload('addr', payload)
  if (!message.ok) throw new Error("an 'addr' that can't be read")
  const { addresses } = message.value
  if (addresses.length > MAX_ADDR_ANSWER) throw new Error(`${addresses.length} addresses in one 'addr'`)
  for (const { ip, port } of addresses) {
    if (port === 0) throw new Error(`an address with port 0: ${formatIp(ip)}`)
    if (!mayBePrivate && !isRoutable(ip)) throw new Error(`an address that leads nowhere: ${formatIp(ip)}`)
  }
}
