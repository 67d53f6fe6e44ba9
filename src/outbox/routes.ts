/** /admin/outbox: which messages left, which wait and which were given up. */
import * as z from 'zod'
import { issueCursor, verifyCursor } from '../platform/cursor.ts'
import { answered } from '../platform/database.ts'
import {
  bearer,
  body,
  CHANGE_PROBLEMS,
  createRoute,
  createRoutes,
  json,
  later,
  problems,
  SESSION_PROBLEMS,
} from '../platform/openapi.ts'
import { Problem } from '../platform/problem.ts'
import { requireSession } from '../sessions/guard.ts'
import { listMessages } from './queries.ts'
import { resendMessage } from './resend.ts'
import {
  MESSAGE_EXAMPLE,
  messageListQuery,
  messageListSchema,
  messageSchema,
  showMessage,
} from './schemas.ts'

export const outboxRoutes = createRoutes()

const guarded = {
  tags: ['Outbox'],
  security: bearer('accounts:admin'),
  'x-permission': 'accounts:admin',
  middleware: requireSession({ permission: 'accounts:admin' }),
}

const list = createRoute({
  ...guarded,
  method: 'get',
  path: '/admin/outbox',
  operationId: 'listOutboxMessages',
  summary: 'List messages, newest first',
  description:
    'Neither what they say nor to whom. `next_cursor` continues the list; it is null on the last page. Messages that are done with stay for 30 days.',
  request: { query: messageListQuery },
  responses: later(() => ({
    200: json(messageListSchema(), 'A page of messages', { items: [MESSAGE_EXAMPLE], next_cursor: null }),
    ...problems(...SESSION_PROBLEMS, 'forbidden', 'validation_failed'),
  })),
})

outboxRoutes.openapi(list, async (c) => {
  const { scope } = c.var
  const { cursor, limit, status, account } = c.req.valid('query')
  const before = cursor === undefined ? undefined : await verifyCursor(scope.keys.cursor, 'outbox', cursor)
  if (cursor !== undefined && before === undefined) {
    throw new Problem('validation_failed', { errors: { cursor: ['Not a valid cursor.'] } })
  }
  // One more than asked for tells whether there is a next page.
  const rows = await answered(listMessages(scope.db, { status, accountId: account }, before, limit + 1))
  const last = rows.length > limit ? rows[limit - 1] : undefined
  const nextCursor = last ? await issueCursor(scope.keys.cursor, 'outbox', last.number) : null
  return c.json({ items: rows.slice(0, limit).map(showMessage), next_cursor: nextCursor }, 200)
})

const resend = createRoute({
  ...guarded,
  method: 'post',
  path: '/admin/outbox/{id}/resend',
  operationId: 'resendOutboxMessage',
  summary: 'Send a message that waits or was given up, now',
  description:
    'Its attempts begin anew, the first after this answer. A message that has been sent is not sent twice.',
  request: {
    params: z.object({ id: z.string().meta({ maxLength: 64, example: MESSAGE_EXAMPLE.id }) }),
    body: body(z.strictObject({}), {}, false),
  },
  responses: later(() => ({
    200: json(messageSchema(), 'The message, which waits again', { ...MESSAGE_EXAMPLE, attempts: 0 }),
    ...problems(...CHANGE_PROBLEMS, 'forbidden', 'message_not_found', 'message_not_resendable'),
  })),
})

outboxRoutes.openapi(resend, async (c) => {
  const { scope, actor } = c.var
  const message = await resendMessage(scope, actor, c.req.valid('param').id)
  return c.json(showMessage(message), 200)
})
