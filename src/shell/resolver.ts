/** Host names of seeds to addresses, by the system's resolver. */
import { lookup } from 'node:dns/promises'
import { type IpBytes, parseIp } from '../primitives/ip.ts'

/** All addresses behind the names, in no order that means anything. What can't be resolved adds nothing. */
export async function resolveNames(names: readonly string[]): Promise<IpBytes[]> {
  const answers = await Promise.allSettled(names.map((name) => lookup(name, { all: true })))
  return answers.flatMap((answer) =>
    answer.status === 'fulfilled' ? answer.value.flatMap(({ address }) => parseIp(address) ?? []) : [],
  )
}
