/** CRC-32C (Castagnoli), which LevelDB stores with everything it writes. */

const POLYNOMIAL = 0x82f6_3b78
const MASK_DELTA = 0xa282_ead8

const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
  return crc
})

/** Of the bytes from `start` to `end`, as an unsigned number. */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length): number {
  let crc = -1
  for (let at = start; at < end; at++) crc = (TABLE[(crc ^ (bytes[at] ?? 0)) & 0xff] ?? 0) ^ (crc >>> 8)
  return ~crc >>> 0
}

/** As LevelDB stores it: turned and shifted, so that a CRC of bytes that contain CRCs is as good as any other. */
export function maskedCrc32c(bytes: Uint8Array, start: number, end: number): number {
  const crc = crc32c(bytes, start, end)
  return (((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0
}
