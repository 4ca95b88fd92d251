/** Summaries of repeated measurements. Medians, because the machine is shared and single runs get disturbed. */

/** Value below which the share `q` (0 to 1) of the values lies. NaN if there are none. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = Float64Array.from(values).sort()
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** Median of the quotients of values that were taken next to each other: what the machine did to both cancels out. */
export function medianRatio(values: readonly number[], references: readonly number[]): number {
  return median(values.map((value, i) => value / (references[i] ?? Number.NaN)))
}

/** Rounds of `measure`, called for one subject after the other in each. Returns the values of each in order. */
export async function interleave<S, V>(
  rounds: number,
  subjects: readonly S[],
  measure: (subject: S) => Promise<V>,
): Promise<Map<S, V[]>> {
  const taken = new Map<S, V[]>(subjects.map((subject) => [subject, []]))
  for (let round = 0; round < rounds; round++) {
    for (const subject of subjects) taken.get(subject)?.push(await measure(subject))
  }
  return taken
}
