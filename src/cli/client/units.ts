/** Numbers in few characters. */

const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']

/** Three digits at most, such as "999 B", "1.23 kB", "45.6 MB". */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  // 999.5 would be shown as 1000.
  while (value >= (unit === 0 ? 1_000 : 999.5) && unit < BYTE_UNITS.length - 1) {
    value /= 1_000
    unit++
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2
  return `${value.toFixed(digits)} ${BYTE_UNITS[unit]}`
}

/** Whole units, the largest that fits: "45s", "12m", "5h", "3d". */
export function formatAge(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds))
  if (whole < 60) return `${whole}s`
  if (whole < 3_600) return `${Math.floor(whole / 60)}m`
  if (whole < 86_400) return `${Math.floor(whole / 3_600)}h`
  return `${Math.floor(whole / 86_400)}d`
}
