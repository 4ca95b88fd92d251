/**
 * What happened in a run, as a running hash: two runs are the same exactly if their hashes are. For failures a
 * bounded readable tail can be kept too.
 */
import type { Effect, Input, NodeEvent } from '../../src/core/seam.ts'

/** Of longer pieces the length and this many bytes from either end are hashed. */
const HASHED_BYTES = 64
const MAX_WORDS = 256

export class Trace {
  #a = 0x811c_9dc5 | 0
  #b = 0x9e37_79b9 | 0
  readonly #tailLines: number
  readonly #tail: string[] = []
  readonly #words = new Map<string, number>()

  /** `tailLines`: how many of the latest lines are kept; 0 costs nothing. */
  constructor(tailLines = 0) {
    this.#tailLines = tailLines
  }

  get hash(): string {
    return hex(this.#a) + hex(this.#b)
  }

  get tail(): readonly string[] {
    return this.#tail
  }

  /** One call of a node's core: when, whose, what came in, what came out. `word`: of the node's name. */
  handled(mono: number, node: string, word: number, input: Input, effects: readonly Effect[]): void {
    this.number(Math.round(mono * 1_000))
    this.#mix(word)
    this.#input(input)
    for (const effect of effects) this.#effect(effect)
    if (this.#tailLines > 0) {
      this.note(mono, `${node} <- ${describeInput(input)}`)
      for (const effect of effects) this.note(mono, `${node}    -> ${describeEffect(effect)}`)
    }
  }

  /** A line for the readable tail alone. */
  note(mono: number, text: string): void {
    if (this.#tailLines === 0) return
    this.#tail.push(`${(mono / 1_000).toFixed(3).padStart(10)} ${text}`)
    if (this.#tail.length > 2 * this.#tailLines) this.#tail.splice(0, this.#tailLines)
  }

  number(value: number): void {
    this.#mix(value | 0)
    this.#mix((value / 0x1_0000_0000) | 0)
  }

  text(value: string): void {
    let word = this.#words.get(value)
    if (word === undefined) {
      word = wordOf(value)
      // Addresses and details are many; names of types are few.
      if (this.#words.size < MAX_WORDS) this.#words.set(value, word)
    }
    this.#mix(word)
  }

  bytes(value: Uint8Array): void {
    this.#mix(value.length)
    const head = Math.min(value.length, HASHED_BYTES)
    this.#words4(value, 0, head)
    this.#words4(value, Math.max(head, value.length - HASHED_BYTES), value.length)
  }

  /** Four bytes a time, the last of them with zeros behind it. */
  #words4(value: Uint8Array, from: number, to: number): void {
    // What is behind the end of an array is not read: that would cost more than all the rest.
    const whole = from + ((to - from) & ~3)
    for (let i = from; i < whole; i += 4) {
      const high = ((value[i + 3] ?? 0) << 24) | ((value[i + 2] ?? 0) << 16)
      this.#mix(high | ((value[i + 1] ?? 0) << 8) | (value[i] ?? 0))
    }
    let last = 0
    for (let i = whole; i < to; i++) last |= (value[i] ?? 0) << (8 * (i - whole))
    if (whole < to) this.#mix(last)
  }

  #mix(word: number): void {
    this.#a = Math.imul(this.#a ^ word, 0x0100_0193)
    this.#b = Math.imul(((this.#b << 13) | (this.#b >>> 19)) ^ word, 0x85eb_ca6b)
  }

  #input(input: Input): void {
    this.text(input.type)
    // Most inputs are of these three, and looking for a field in a record of many shapes is slow.
    if (input.type === 'tick') return
    if (input.type === 'bytes' || input.type === 'flushed') {
      this.#mix(input.peer)
      if (input.type === 'bytes') this.bytes(input.chunk)
      else this.#mix(input.bytes)
      return
    }
    if ('peer' in input) this.#mix(input.peer)
    if ('ticket' in input) this.#mix(input.ticket)
    if ('connection' in input) this.#mix(input.connection)
    if ('error' in input && input.error !== undefined) this.text(input.error)
  }

  #effect(effect: Effect): void {
    this.text(effect.type)
    if (effect.type === 'event') return this.#event(effect.event)
    if ('peer' in effect) this.#mix(effect.peer)
    if (effect.type === 'write') {
      for (const chunk of effect.chunks) this.bytes(chunk)
      return
    }
    if ('ticket' in effect) this.#mix(effect.ticket)
    if ('connection' in effect) this.#mix(effect.connection)
  }

  #event(event: NodeEvent): void {
    this.text(event.type)
    if ('peer' in event) this.#mix(event.peer)
    if ('reason' in event) this.text(event.reason)
    if ('command' in event) this.text(event.command)
  }
}

/** A text as 32 bits. */
export function wordOf(text: string): number {
  let word = 0
  for (let i = 0; i < text.length; i++) word = Math.imul(word ^ text.charCodeAt(i), 0x0100_0193)
  return word
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0')
}

function describeInput(input: Input): string {
  if (input.type === 'bytes') return `bytes peer=${input.peer} ${input.chunk.length}`
  return describe(input)
}

function describeEffect(effect: Effect): string {
  if (effect.type === 'write') {
    const lengths = effect.chunks.map((chunk) => chunk.length)
    return `write peer=${effect.peer} ${lengths.join('+')}`
  }
  return effect.type === 'event' ? `event ${describe(effect.event)}` : describe(effect)
}

/** The plain fields of a record on one line. */
function describe(record: { readonly type: string }): string {
  let text = record.type
  for (const [name, value] of Object.entries(record)) {
    if (name === 'type') continue
    text += ` ${name}=${typeof value === 'object' && value !== null ? summary(value) : String(value)}`
  }
  return text
}

function summary(value: object): string {
  return 'type' in value ? `<${String(value.type)}>` : `<${Object.keys(value).join(',')}>`
}
