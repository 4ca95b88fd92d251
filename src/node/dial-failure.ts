/** Why a dial failed, in few classes: what an operator can do about it depends on no more than these. */

/** Keys are names for programs; each is also a counter. */
const DIAL_FAILURES = {
  refused: 'nobody listens there',
  timedOut: 'no answer in time',
  noRoute: 'this machine has no route there',
  noSuchHost: 'the name leads nowhere',
  reset: 'the connection broke at once',
  proxy: 'the proxy did not connect',
  noDescriptors: 'this machine has too many files open',
  other: 'something else',
} as const

export type DialFailure = keyof typeof DIAL_FAILURES

export const dialFailures = Object.keys(DIAL_FAILURES) as readonly DialFailure[]

export function describeDialFailure(failure: DialFailure): string {
  return DIAL_FAILURES[failure]
}

/** Matched in this order against the words in which the shell tells the system's errors. */
const PATTERNS: readonly (readonly [RegExp, DialFailure])[] = [
  // What the proxy says of the target, and only then of the proxy itself.
  [/^proxy: connection refused/, 'refused'],
  [
    /^proxy: (host unreachable|network unreachable|the way is too long|general failure|timed out)/,
    'timedOut',
  ],
  [/^proxy\b/, 'proxy'],
  [/^connection refused$|ECONNREFUSED/, 'refused'],
  [/timed out|ETIMEDOUT/, 'timedOut'],
  [/no route to|ENETUNREACH|EHOSTUNREACH|ENETDOWN|EHOSTDOWN|no such address/, 'noRoute'],
  [/no such host|name server|ENOTFOUND|EAI_/, 'noSuchHost'],
  [/connection reset|connection closed|connection lost|ECONNRESET|EPIPE/, 'reset'],
  [/too many open files|EMFILE|ENFILE/, 'noDescriptors'],
]

/** `error`: as the event `dialFailed` has it. */
export function classifyDialError(error: string): DialFailure {
  return PATTERNS.find(([pattern]) => pattern.test(error))?.[1] ?? 'other'
}
