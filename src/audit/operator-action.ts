/** What the operator noted from the command line, as an event that may be signed. */
import { type AuditFacts, IMPORTED_ROWS, type ImportedRows } from './events.ts'
import type { OPERATOR_EVENTS, operatorActions } from './tables.ts'

type OperatorEvent = (typeof OPERATOR_EVENTS)[number]

/**
 * The facts of a note. Whoever can write into the database can write notes: so an event says that it was the operator's,
 * and has counts in it, whatever the note's details are.
 */
export function describeOperatorAction(
  action: typeof operatorActions.$inferSelect,
): AuditFacts<OperatorEvent> {
  const details = { by: 'operator' as const, at: action.createdAt }
  if (action.event === 'data.imported') {
    return { event: action.event, outcome: 'success', details: { ...details, ...readCounts(action.details) } }
  }
  const subject = action.accountId === null ? {} : { subjectId: action.accountId }
  return { event: action.event, outcome: 'success', ...subject, details }
}

function readCounts(details: string | null): ImportedRows {
  const noted = parseObject(details ?? '')
  const count = (name: keyof ImportedRows) => (Number.isSafeInteger(noted[name]) ? Number(noted[name]) : 0)
  return Object.fromEntries(IMPORTED_ROWS.map((name) => [name, count(name)])) as Record<
    keyof ImportedRows,
    number
  >
}

function parseObject(json: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(json))
  } catch {
    return {}
  }
}
