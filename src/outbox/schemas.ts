/** A message as admins see it: never what it says, nor to which address or number. */
import * as z from 'zod'
import { isoTime } from '../platform/iso-time.ts'
import { once } from '../platform/once.ts'
import { cursorFields, queryInteger } from '../platform/pagination.ts'
import type { ListedMessage } from './queries.ts'
import { CHANNELS, MESSAGE_STATUSES } from './tables.ts'

export const messageSchema = once(() =>
  z
    .object({
      id: z.string(),
      channel: z.enum(CHANNELS),
      template: z.string(),
      account_id: z
        .int()
        .nullable()
        .meta({ description: 'Whom it concerns; null once the account has gone' }),
      status: z
        .enum(MESSAGE_STATUSES)
        .meta({ description: '`queued`: waits; `failed`: was given up, after eight attempts or expired' }),
      attempts: z.int(),
      created_at: z.iso.datetime(),
      next_attempt_at: z.iso.datetime().nullable().meta({ description: 'null unless it waits' }),
      expires_at: z.iso.datetime().meta({ description: 'What it says is of no use from then on, and wiped' }),
      sent_at: z.iso.datetime().nullable(),
    })
    .meta({ id: 'OutboxMessage' }),
)

export const MESSAGE_EXAMPLE = {
  id: 'kQ3vX0cYw2mJm0l8s5q7Fg',
  channel: 'mail',
  template: 'reset',
  account_id: 1,
  status: 'queued',
  attempts: 1,
  created_at: '2026-01-15T10:00:00.000Z',
  next_attempt_at: '2026-01-15T10:01:00.000Z',
  expires_at: '2026-01-15T11:00:00.000Z',
  sent_at: null,
}

export const messageListSchema = once(() =>
  z.object({
    items: z.array(messageSchema()),
    next_cursor: z.string().nullable(),
  }),
)

export const messageListQuery = z.object({
  status: z.enum(MESSAGE_STATUSES).optional(),
  account: queryInteger(1, Number.MAX_SAFE_INTEGER)
    .optional()
    .meta({ description: 'Whom it concerns, by account id' }),
  ...cursorFields,
})

export function showMessage(row: ListedMessage): z.infer<ReturnType<typeof messageSchema>> {
  return {
    id: row.id,
    channel: row.channel,
    template: row.template,
    account_id: row.accountId,
    status: row.status,
    attempts: row.attempts,
    created_at: isoTime(row.createdAt),
    next_attempt_at: row.status === 'queued' ? isoTime(row.nextAttemptAt) : null,
    expires_at: isoTime(row.expiresAt),
    sent_at: row.sentAt === null ? null : isoTime(row.sentAt),
  }
}
