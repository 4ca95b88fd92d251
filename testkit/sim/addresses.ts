/** Addresses for virtual machines: made up, but such as a stranger on the internet could have. */

/** A routable address of its own for each of up to 60,000 nodes, all of them in one network. */
export function addressOf(number: number): string {
  return `9.1.${number >> 8}.${number & 0xff}`
}

/** First octets from here on hold nothing but routable addresses. */
const FIRST_OCTET = 11
const OCTETS = 88
const GROUPS = OCTETS * 255

/**
 * A routable address for each number from 0, in as many networks (/16) as possible: the first 22,440 are all in
 * different ones.
 */
export function spreadAddress(number: number): string {
  // 88 and 255 have no common divisor, so the pairs repeat only after all of them were there.
  const [a, b] = [FIRST_OCTET + (number % OCTETS), 1 + (number % 255)]
  const round = Math.floor(number / GROUPS)
  return `${a}.${b}.${1 + (round % 250)}.${1 + ((7 * number) % 250)}`
}

/** The addresses of one who has a lot of them in few networks, apart from those of {@link spreadAddress}. */
export function crowdAddress(number: number, groups: number): string {
  const at = Math.floor(number / groups)
  return `150.${1 + (number % groups)}.${1 + Math.floor(at / 250)}.${1 + (at % 250)}`
}

export function isCrowdAddress(address: string): boolean {
  return address.startsWith('150.')
}
