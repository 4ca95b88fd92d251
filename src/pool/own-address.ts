/**
 * Where others reach us, as they say: an address counts once peers of several networks, whom we chose to dial, have
 * seen us there, so no single peer can make us tell a lie. Each network has one vote, its latest, and only the latest
 * votes count, so that a node whose address changes after months is not held to the old one. An operator's word
 * counts at once, and for good. Bounded by OWN_ADDRESS_VOTES.
 */
import { OWN_ADDRESS_VOTES, OWN_ADDRESS_WITNESSES } from '../params/limits.ts'
import { formatIp, type IpBytes, isRoutable, isUnspecified } from '../primitives/ip.ts'
import { netGroup } from './net-group.ts'

export class OwnAddress {
  /** Where each network sees us, by its name, the latest last. */
  readonly #votes = new Map<string, IpBytes>()
  readonly #anyAddress: boolean
  /** What the operator named stays, whoever says otherwise. */
  readonly #given: boolean
  #ip: IpBytes | undefined

  /** `anyAddress`: private ones count too, on a network within one machine. */
  constructor(given: IpBytes | undefined, anyAddress: boolean) {
    this.#ip = given
    this.#given = given !== undefined
    this.#anyAddress = anyAddress
  }

  get ip(): IpBytes | undefined {
    return this.#ip
  }

  /** Every address that was named lately, with the number of networks that see us there; our own first. */
  get candidates(): { readonly ip: IpBytes; readonly score: number }[] {
    const byText = new Map<string, { ip: IpBytes; score: number }>()
    if (this.#ip !== undefined) byText.set(formatIp(this.#ip), { ip: this.#ip, score: 0 })
    for (const ip of this.#votes.values()) {
      const row = byText.get(formatIp(ip)) ?? { ip, score: 0 }
      row.score++
      byText.set(formatIp(ip), row)
    }
    return [...byText.values()]
  }

  /** A peer that we dialled sees us at `ip`. Returns true if another address counts as ours from now on. */
  seen(ip: IpBytes, by: IpBytes): boolean {
    if (isUnspecified(ip) || !(this.#anyAddress || isRoutable(ip))) return false
    const network = netGroup(by)
    this.#votes.delete(network)
    // Not a view of the message it came in.
    this.#votes.set(network, ip.slice())
    if (this.#votes.size > OWN_ADDRESS_VOTES) this.#forgetOldest()
    if (this.#given) return false
    const score = this.#score(ip)
    if (score < OWN_ADDRESS_WITNESSES) return false
    if (this.#ip !== undefined && score <= this.#score(this.#ip)) return false
    const isNew = this.#ip === undefined || formatIp(this.#ip) !== formatIp(ip)
    this.#ip = ip.slice()
    return isNew
  }

  #score(ip: IpBytes): number {
    const text = formatIp(ip)
    let score = 0
    for (const vote of this.#votes.values()) if (formatIp(vote) === text) score++
    return score
  }

  #forgetOldest(): void {
    for (const network of this.#votes.keys()) {
      this.#votes.delete(network)
      return
    }
  }
}
