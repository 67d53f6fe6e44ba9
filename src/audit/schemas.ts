import * as z from 'zod'
import { isoTime } from '../platform/iso-time.ts'
import { once } from '../platform/once.ts'
import { cursorFields, queryInteger } from '../platform/pagination.ts'
import type { AuditFilter, listAuditEvents } from './queries.ts'

export const auditOutcome = once(() => z.enum(['success', 'failure', 'refused']).meta({ id: 'AuditOutcome' }))

export const auditEventSchema = once(() =>
  z
    .object({
      id: z.int(),
      time: z.iso.datetime(),
      event: z.string(),
      outcome: auditOutcome(),
      reason: z.string().nullable(),
      actor_id: z.int().nullable().meta({ description: 'Who did it; null for somebody unknown' }),
      subject_id: z.int().nullable().meta({ description: 'Whom or whose account it concerns' }),
      session_id: z.string().nullable(),
      address: z.string().nullable(),
      user_agent: z.string().nullable(),
      request_id: z.string().nullable(),
      details: z.record(z.string(), z.unknown()),
      repeats: z.int().meta({ description: 'How often a grouped refusal happened; counts are kept 30 days' }),
    })
    .meta({ id: 'AuditEvent' }),
)

export const AUDIT_EVENT_EXAMPLE = {
  id: 42,
  time: '2026-01-15T10:00:00.000Z',
  event: 'sign_in.succeeded',
  outcome: 'success',
  reason: null,
  actor_id: 1,
  subject_id: 1,
  session_id: 'kQ3vX0cYw2mJm0l8s5q7Fg',
  address: '203.0.113.7',
  user_agent: 'Workshop tablet',
  request_id: 'Zr1uB8n4T0aD6eHc2yWk9w',
  details: { methods: ['password'] },
  repeats: 0,
}

export const auditListSchema = once(() =>
  z.object({
    items: z.array(auditEventSchema()),
    next_cursor: z.string().nullable(),
  }),
)

export const auditVerdictSchema = once(() =>
  z
    .object({
      ok: z.boolean(),
      checked: z.int().meta({ description: 'Rows found right; the check stops at the first that is not' }),
      sealed_through: z.int().meta({ description: 'The last row that a good seal holds; 0 without one' }),
      first_bad_id: z.int().nullable(),
    })
    .meta({ id: 'AuditVerdict' }),
)

/** A day, or a moment with its zone; both exist in the calendar. */
const FORMS = [z.iso.date(), z.iso.datetime({ offset: true })]

const moment = (description: string) =>
  z
    .string()
    .refine((text) => FORMS.some((form) => form.safeParse(text).success), 'Not a valid datetime.')
    .transform((text) => Math.floor(Date.parse(text) / 1000))
    .optional()
    .meta({ type: 'string', maxLength: 40, description, example: '2026-01-15T10:00:00Z' })

const accountId = (description: string) =>
  queryInteger(1, Number.MAX_SAFE_INTEGER).optional().meta({ description })

export const auditFilterQuery = z.object({
  actor: accountId('Who did it, by account id'),
  subject: accountId('Whom it concerns, by account id'),
  event: z
    .string()
    .regex(/^[a-z_]{1,32}\.[a-z_]{1,32}$/, 'Not a valid event.')
    .optional()
    .meta({ maxLength: 65, example: 'sign_in.failed' }),
  outcome: z.enum(['success', 'failure', 'refused']).optional(),
  since: moment('ISO 8601, a day (UTC) or a moment with its zone: from then on'),
  until: moment('ISO 8601, a day (UTC) or a moment with its zone: before then'),
})

export const auditListQuery = auditFilterQuery.extend({
  ...cursorFields,
})

type FilterQuery = z.output<typeof auditFilterQuery>

export function readFilter(query: FilterQuery): AuditFilter {
  const { actor, subject, event, outcome, since, until } = query
  return { actorId: actor, subjectId: subject, event, outcome, since, until }
}

/** The names of the filters in use; what they say can be somebody's. */
export function nameFilters(query: FilterQuery): string[] {
  const names = ['actor', 'subject', 'event', 'outcome', 'since', 'until'] as const
  return names.filter((name) => query[name] !== undefined)
}

export type ListedAuditEvent = Awaited<ReturnType<typeof listAuditEvents>>[number]

export function showAuditEvent(row: ListedAuditEvent): z.infer<ReturnType<typeof auditEventSchema>> {
  return {
    id: row.id,
    time: isoTime(row.occurredAt),
    event: row.event,
    outcome: row.outcome,
    reason: row.reason,
    actor_id: row.actorId,
    subject_id: row.subjectId,
    session_id: row.sessionId,
    address: row.address,
    user_agent: row.userAgent,
    request_id: row.requestId,
    details: readDetails(row.details),
    repeats: row.repeats,
  }
}

/** A row that somebody has edited must not keep the others from being read. */
function readDetails(json: string): Record<string, unknown> {
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(json))
  } catch {
    return { unreadable: json }
  }
}
