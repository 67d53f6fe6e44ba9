import type { Target, UniqueTable } from './target.ts'

/** Tells who has a text that no two rows may share: the first row of the file keeps it. */
export function claims(target: Target, table: UniqueTable) {
  const held = new Map<string, number>()
  const taken = target.taken.get(table)
  return (text: string, id: number, isKnown: boolean): string | undefined => {
    // What was imported before has its own, whatever it has become since.
    if (isKnown) {
      if (!held.has(text)) held.set(text, id)
      return undefined
    }
    const first = held.get(text)
    if (first !== undefined) return `Also that of ${first}, which keeps it.`
    if (taken?.has(text)) return 'Somebody else has it in the new service.'
    held.set(text, id)
    return undefined
  }
}
