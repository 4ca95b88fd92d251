/** Damage of what was stored. The files of blocks are what everything else can be made from again. */

/** The store contradicts itself. Its message says where. */
export class DamagedStore extends Error {
  override readonly name = 'DamagedStore'
}

/** What the operator is told of it, in one line. */
export function damageText({ message }: DamagedStore): string {
  return `the stored chain is damaged: ${message}. Start once with --reindex to rebuild it`
}
