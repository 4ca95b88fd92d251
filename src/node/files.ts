/** What a node keeps in its data directory while it runs: bans and addresses. */
import { join } from 'node:path'
import type { NodeEvent } from '../core/seam.ts'
import { errorText } from '../primitives/errors.ts'
import { FileKeeper } from '../storage/atomic-file.ts'
import { ADDRESS_FILE, formatAddressFile } from './address-file.ts'
import { BAN_FILE, formatBanFile } from './ban-file.ts'
import type { DilithionNode } from './node.ts'

export class NodeFiles {
  readonly #bans: FileKeeper
  readonly #addresses: FileKeeper
  #node: DilithionNode | undefined

  constructor(dataDir: string, warn: (text: string) => void) {
    const keeper = (
      name: string,
      what: string,
      content: (node: DilithionNode) => string | Uint8Array,
    ): FileKeeper => {
      const path = join(dataDir, name)
      const current = (): string | Uint8Array => (this.#node === undefined ? '' : content(this.#node))
      return new FileKeeper(path, current, (error) =>
        warn(`Can't save ${what} in ${path}: ${errorText(error)}`),
      )
    }
    this.#bans = keeper(BAN_FILE, 'bans', (node) => formatBanFile(node.bans()))
    this.#addresses = keeper(ADDRESS_FILE, 'addresses', (node) => formatAddressFile(node.savedAddresses()))
  }

  /** From now on the files follow this node. */
  keep(node: DilithionNode): void {
    this.#node = node
  }

  /** What the operator does is on disk before he is told so; what strangers cause does not hold up others. */
  note(event: NodeEvent): void {
    if (this.#node === undefined) return
    if (event.type === 'addressesChanged') this.#addresses.changed()
    else if (event.type === 'unbanned' || (event.type === 'banned' && event.reason === 'manual'))
      this.#bans.saveNow()
    else if (event.type === 'banned') this.#bans.changed()
  }

  /** Resolves when all is on disk. To be called when the node has stopped. */
  async close(): Promise<void> {
    if (this.#node !== undefined && this.#node.addressBook().total > 0) this.#addresses.changed()
    await Promise.all([this.#bans.idle(), this.#addresses.idle()])
  }
}
