/**
 * Where others reach us, as they say: an address counts once peers of several networks, whom we chose to dial, have
 * seen us there, so no single peer can make us tell a lie. An operator's word counts at once.
 */
import { MAX_OWN_ADDRESS_CANDIDATES, OWN_ADDRESS_WITNESSES } from '../params/limits.ts'
import { formatIp, type IpBytes, isRoutable } from '../primitives/ip.ts'
import { netGroup } from './net-group.ts'

export class OwnAddress {
  readonly #witnesses = new Map<string, { readonly ip: IpBytes; readonly groups: Set<string> }>()
  readonly #anyAddress: boolean
  /** What the operator named stays, whoever says otherwise. */
  readonly #given: boolean
  #ip: IpBytes | undefined

  /** `anyAddress`: private ones count too, on a network within one machine. */
  constructor(given: IpBytes | undefined, anyAddress: boolean) {
    this.#ip = given
    this.#given = given !== undefined
    this.#anyAddress = anyAddress
    if (given !== undefined) this.#witnesses.set(formatIp(given), { ip: given, groups: new Set() })
  }

  get ip(): IpBytes | undefined {
    return this.#ip
  }

  /** Every address that was named, with the number of networks that see us there. */
  get candidates(): { readonly ip: IpBytes; readonly score: number }[] {
    return Array.from(this.#witnesses.values(), ({ ip, groups }) => ({ ip, score: groups.size }))
  }

  /** A peer that we dialled sees us at `ip`. Returns true if another address counts as ours from now on. */
  seen(ip: IpBytes, by: IpBytes): boolean {
    if (!this.#anyAddress && !isRoutable(ip)) return false
    if (ip.every((byte) => byte === 0)) return false
    const key = formatIp(ip)
    let row = this.#witnesses.get(key)
    if (row === undefined) {
      if (this.#witnesses.size >= MAX_OWN_ADDRESS_CANDIDATES) this.#forgetWeakest()
      row = { ip: ip.slice(), groups: new Set() }
      this.#witnesses.set(key, row)
    }
    if (row.groups.size < MAX_OWN_ADDRESS_CANDIDATES) row.groups.add(netGroup(by))
    if (this.#given || row.ip === this.#ip || row.groups.size < OWN_ADDRESS_WITNESSES) return false
    const current = this.#ip === undefined ? undefined : this.#witnesses.get(formatIp(this.#ip))
    if (current !== undefined && row.groups.size <= current.groups.size) return false
    this.#ip = row.ip
    return true
  }

  #forgetWeakest(): void {
    let weakest: string | undefined
    let fewest = Number.POSITIVE_INFINITY
    for (const [key, { ip, groups }] of this.#witnesses) {
      if (ip === this.#ip || groups.size >= fewest) continue
      weakest = key
      fewest = groups.size
    }
    if (weakest !== undefined) this.#witnesses.delete(weakest)
  }
}
