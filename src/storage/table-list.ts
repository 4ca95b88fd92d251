/** LevelDB's list of its tables (MANIFEST): records of edits, each of which says what was added and deleted. */
import { VarintCursor } from './varint-cursor.ts'

/** What an edit may say. */
const TAG = {
  comparator: 1,
  logNumber: 2,
  nextFile: 3,
  lastSequence: 4,
  compactPointer: 5,
  deletedTable: 6,
  newTable: 7,
  previousLog: 9,
} as const

/** Numbers of the tables that there are after these edits; undefined if one says what is not known. */
export function tablesIn(edits: Iterable<Uint8Array>): ReadonlySet<number> | undefined {
  const places = new Set<string>()
  for (const edit of edits) if (!apply(new VarintCursor(edit), places)) return undefined
  return new Set(Array.from(places, (place) => Number(place.split(' ')[1])))
}

/** A table that moves to another level is deleted from the one, and new in the other, in either order. */
function apply(edit: VarintCursor, places: Set<string>): boolean {
  const deleted: string[] = []
  const added: string[] = []
  const place = (): string => `${edit.next()} ${edit.next()}`
  while (edit.remaining > 0) {
    switch (edit.next()) {
      case TAG.comparator:
        edit.skip(edit.next())
        break
      case TAG.logNumber:
      case TAG.nextFile:
      case TAG.lastSequence:
      case TAG.previousLog:
        edit.next()
        break
      case TAG.compactPointer:
        edit.next()
        edit.skip(edit.next())
        break
      case TAG.deletedTable:
        deleted.push(place())
        break
      case TAG.newTable:
        added.push(place())
        edit.next()
        edit.skip(edit.next())
        edit.skip(edit.next())
        break
      default:
        return false
    }
  }
  for (const each of deleted) places.delete(each)
  for (const each of added) places.add(each)
  return true
}
