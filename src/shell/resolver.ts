/** Host names of seeds to addresses, by the system's resolver, in bounded time and number. */
import { lookup } from 'node:dns/promises'
import { MAX_RESOLVED_ADDRESSES, RESOLVE_TIMEOUT_MS } from '../params/limits.ts'
import { formatIp, type IpBytes, parseIp } from '../primitives/ip.ts'

/** All addresses of a name as texts. May reject, and may take for ever. */
export type Lookup = (name: string) => Promise<readonly string[]>

const systemLookup: Lookup = async (name) => (await lookup(name, { all: true })).map(({ address }) => address)

/**
 * The addresses behind the names, each once: what has come after RESOLVE_TIMEOUT_MS, the first of each name, then the
 * second of each, and so on, MAX_RESOLVED_ADDRESSES at most, so that no name can crowd out the others. What can't be
 * resolved adds nothing; never rejects.
 */
export async function resolveNames(
  names: readonly string[],
  ask: Lookup = systemLookup,
  timeoutMs = RESOLVE_TIMEOUT_MS,
): Promise<IpBytes[]> {
  const answers: (readonly string[])[] = names.map(() => [])
  const all = names.map(async (name, i) => {
    answers[i] = await ask(name)
  })
  await within(timeoutMs, Promise.allSettled(all))
  return share(answers)
}

async function within(timeoutMs: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<void>((resolve) => {
    // It doesn't keep a process from ending.
    timer = setTimeout(resolve, timeoutMs).unref()
  })
  await Promise.race([work, timeout])
  clearTimeout(timer)
}

function share(answers: readonly (readonly string[])[]): IpBytes[] {
  const found = new Map<string, IpBytes>()
  const longest = Math.max(0, ...answers.map((answer) => answer.length))
  for (let round = 0; round < longest; round++) {
    for (const answer of answers) {
      const ip = parseIp(answer[round] ?? '')
      if (ip === undefined) continue
      found.set(formatIp(ip), ip)
      if (found.size >= MAX_RESOLVED_ADDRESSES) return [...found.values()]
    }
  }
  return [...found.values()]
}
