/**
 * Branded numbers: plain at run time, apart for the compiler, so that a peer id can't be passed where a
 * time is expected, nor monotonic milliseconds where Unix seconds are.
 */
declare const brand: unique symbol
type Brand<T, Name extends string> = T & { readonly [brand]: Name }

/** Number of a peer, from 1, never reused within one run. */
export type PeerId = Brand<number, 'PeerId'>

/** Number that the shell gives to a socket before (and whether or not) it becomes a peer. */
export type ConnectionId = Brand<number, 'ConnectionId'>

/** Number of one attempt to dial, from 1, never reused within one run. */
export type DialTicket = Brand<number, 'DialTicket'>

/** Milliseconds of a clock that never goes backwards; fractions allowed. For timeouts and round trips. */
export type MonoMs = Brand<number, 'MonoMs'>

/** Unix time in whole seconds. For stamps on the wire, for bans and for people. */
export type UnixSeconds = Brand<number, 'UnixSeconds'>

/** Both clocks, read together once per input. */
export interface Now {
  readonly mono: MonoMs
  readonly unix: UnixSeconds
}

export const peerId = (n: number): PeerId => n as PeerId
export const connectionId = (n: number): ConnectionId => n as ConnectionId
export const dialTicket = (n: number): DialTicket => n as DialTicket
export const monoMs = (n: number): MonoMs => n as MonoMs
export const unixSeconds = (n: number): UnixSeconds => n as UnixSeconds
