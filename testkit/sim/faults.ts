/** Faults that know where messages begin and end: put into a pipe, they lose single messages. */
import { FRAME_HEADER_BYTES } from '../../src/framing/encoder.ts'
import type { NetworkParams } from '../../src/params/networks.ts'
import { concatBytes } from '../../src/primitives/bytes.ts'

const LENGTH_OFFSET = 16

export type Tap = (chunk: Uint8Array) => Uint8Array | undefined

/** Loses the frame of this index (from 0) of all that a node writes. */
export function dropFrame(network: NetworkParams, index: number): Tap {
  return dropFrames(network, (i) => i === index)
}

/** Loses the frames that `isLost` says. A node writes whole frames; nothing else may be tapped. */
export function dropFrames(network: NetworkParams, isLost: (index: number) => boolean): Tap {
  let next = 0
  return (chunk) => {
    const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    const kept: Uint8Array[] = []
    for (let at = 0; at < chunk.length; ) {
      if (view.getUint32(at, true) !== network.magic) throw new Error('a write does not begin with a frame')
      const end = at + FRAME_HEADER_BYTES + view.getUint32(at + LENGTH_OFFSET, true)
      if (!isLost(next++)) kept.push(chunk.subarray(at, end))
      at = end
    }
    return kept.length === 0 ? undefined : concatBytes(kept)
  }
}
