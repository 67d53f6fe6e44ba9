/** /admin/accounts: admins list accounts, invite staff, change role and status, end sessions, and delete. */
import * as z from 'zod'
import { findStanding } from '../accounts/queries.ts'
import { issueCursor, verifyCursor } from '../platform/cursor.ts'
import { answered } from '../platform/database.ts'
import {
  bearer,
  body,
  CHANGE_PROBLEMS,
  createRoute,
  createRoutes,
  idParam,
  json,
  later,
  limited,
  problems,
  SESSION_PROBLEMS,
} from '../platform/openapi.ts'
import { Problem } from '../platform/problem.ts'
import { refuseInvalidList } from '../platform/validate.ts'
import { requireSession } from '../sessions/guard.ts'
import { inviteStaff } from './invite.ts'
import { listAccounts } from './queries.ts'
import {
  ACCOUNT_EXAMPLE,
  accountListQuery,
  accountListSchema,
  invitationSchema,
  managedAccountSchema,
  showManagedAccount,
  standingSchema,
} from './schemas.ts'
import { loadAccount } from './target.ts'
import { changeStanding, removeAccount, revokeSessions } from './write.ts'

export const adminRoutes = createRoutes()

const ONE_ACCOUNT = '/admin/accounts/{id{[1-9][0-9]*}}'

const described = {
  tags: ['Accounts'],
  security: bearer('accounts:admin'),
  'x-permission': 'accounts:admin',
}

const READING = requireSession({ permission: 'accounts:admin' })

/** Who may sign in, and as what, is for a person to say: an API token that leaks must not make another admin. */
const CHANGING = requireSession({ permission: 'accounts:admin', needsSession: true })

const REFUSALS = [...CHANGE_PROBLEMS, 'forbidden', 'session_required'] as const

const list = createRoute({
  ...described,
  method: 'get',
  path: '/admin/accounts',
  operationId: 'listAccounts',
  summary: 'List accounts of whatever role',
  description:
    'The search text is literal. `next_cursor` continues the list with the same order; it is null on the last page.',
  middleware: [READING] as const,
  request: { query: accountListQuery },
  responses: later(() => ({
    200: json(accountListSchema(), 'A page of accounts', { items: [ACCOUNT_EXAMPLE], next_cursor: null }),
    ...problems(...SESSION_PROBLEMS, 'forbidden', 'validation_failed', 'sort_field_invalid', 'order_invalid'),
  })),
})

adminRoutes.openapi(
  list,
  async (c) => {
    const { db, keys } = c.var.scope
    const { cursor, limit, role, status, search, sort_by, order } = c.req.valid('query')
    const listName = `accounts ${sort_by} ${order}`
    const afterId = cursor === undefined ? undefined : await verifyCursor(keys.cursor, listName, cursor)
    const filter = { role, status, search, sortBy: sort_by, order }
    // One more than asked for tells whether there is a next page.
    const [rows, [past]] = await answered(
      db.batch([listAccounts(db, filter, afterId, limit + 1), findStanding(db, afterId ?? 0)]),
    )
    // The account that a cursor names may have gone; then nobody knows where in the order it was.
    if (cursor !== undefined && (afterId === undefined || (sort_by === 'email' && !past)))
      throw new Problem('validation_failed', { errors: { cursor: ['Not a valid cursor.'] } })
    const last = rows.length > limit ? rows[limit - 1] : undefined
    const nextCursor = last ? await issueCursor(keys.cursor, listName, last.id) : null
    return c.json({ items: rows.slice(0, limit).map(showManagedAccount), next_cursor: nextCursor }, 200)
  },
  refuseInvalidList,
)

const invite = createRoute({
  ...described,
  method: 'post',
  path: '/admin/accounts',
  operationId: 'inviteStaff',
  summary: 'Invite a mechanic or admin by e-mail',
  description:
    'Sends a link with which to choose a password (POST /auth/password/reset), good for 72 hours, for one use, and as long as the account has this address. Asked again for the same person before it is used, it sends another link, and only the newest counts. Ten a minute by one admin. Needs a recent sign-in or step-up.',
  middleware: [CHANGING] as const,
  request: {
    body: body(invitationSchema, {
      email: 'maria@example.com',
      role: 'mechanic',
      first_name: 'Maria',
      last_name: 'Keller',
    }),
  },
  responses: later(() => ({
    201: limited(json(managedAccountSchema(), 'Invited', ACCOUNT_EXAMPLE)),
    ...problems(
      ...REFUSALS,
      'reauthentication_required',
      'too_many_requests',
      'email_taken',
      'mechanic_unknown',
      'mechanic_tied',
    ),
  })),
})

adminRoutes.openapi(invite, async (c) => {
  const { email, role, first_name, last_name, phone_number, mechanic_id } = c.req.valid('json')
  const account = await inviteStaff(c.var.scope, c.var.actor, {
    email,
    role,
    firstName: first_name,
    lastName: last_name,
    phoneNumber: phone_number,
    mechanicId: mechanic_id,
  })
  return c.json(showManagedAccount(account), 201)
})

const read = createRoute({
  ...described,
  method: 'get',
  path: ONE_ACCOUNT,
  operationId: 'getAccount',
  summary: 'One account, of whatever role',
  description: 'What /customers does not show: role, status, and whether an invitation is open.',
  middleware: [READING, loadAccount] as const,
  request: { params: idParam },
  responses: later(() => ({
    200: json(managedAccountSchema(), 'The account', ACCOUNT_EXAMPLE),
    ...problems(...SESSION_PROBLEMS, 'forbidden', 'account_not_found'),
  })),
})

adminRoutes.openapi(read, (c) => c.json(showManagedAccount(c.var.account), 200))

const change = createRoute({
  ...described,
  method: 'patch',
  path: ONE_ACCOUNT,
  operationId: 'changeAccount',
  summary: 'Change role or status of an account',
  description:
    'Either ends its sessions and narrows its API tokens at once. The last active admin keeps both. Whoever becomes a mechanic belongs to the mechanic with the same address, or to a new one. Needs a recent sign-in or step-up.',
  middleware: [CHANGING, loadAccount] as const,
  request: { params: idParam, body: body(standingSchema, { role: 'admin' }) },
  responses: later(() => ({
    200: json(managedAccountSchema(), 'The changed account', {
      ...ACCOUNT_EXAMPLE,
      role: 'admin',
      mechanic_id: null,
    }),
    ...problems(
      ...REFUSALS,
      'reauthentication_required',
      'account_not_found',
      'last_admin_protected',
      'mechanic_tied',
    ),
  })),
})

adminRoutes.openapi(change, async (c) => {
  const { scope, actor, account } = c.var
  return c.json(showManagedAccount(await changeStanding(scope, actor, account, c.req.valid('json'))), 200)
})

const DELETED = { message: 'Account deleted successfully' }

const remove = createRoute({
  ...described,
  method: 'delete',
  path: ONE_ACCOUNT,
  operationId: 'deleteAccount',
  summary: 'Delete an account for good, of whatever role',
  description:
    'Sessions, API tokens and personal data go with it; tickets and the shop’s mechanic stay, without the account. The last active admin stays. Needs a recent sign-in or step-up.',
  middleware: [CHANGING, loadAccount] as const,
  request: { params: idParam },
  responses: later(() => ({
    200: json(z.object({ message: z.string() }), 'Deleted', DELETED),
    ...problems(...REFUSALS, 'reauthentication_required', 'account_not_found', 'last_admin_protected'),
  })),
})

adminRoutes.openapi(remove, async (c) => {
  const { scope, actor, account } = c.var
  await removeAccount(scope, actor, account)
  return c.json(DELETED, 200)
})

const revoke = createRoute({
  ...described,
  method: 'post',
  path: '/admin/accounts/{id{[1-9][0-9]*}}/revoke-sessions',
  operationId: 'revokeSessionsOfAccount',
  summary: 'Sign an account out everywhere',
  description: 'Ends every session, one’s own too. API tokens stay; suspend the account to stop those.',
  middleware: [CHANGING, loadAccount] as const,
  request: { params: idParam },
  responses: later(() => ({
    200: json(z.object({ message: z.string(), revoked: z.int() }), 'How many there were', {
      message: 'Sessions ended',
      revoked: 2,
    }),
    ...problems(...REFUSALS, 'account_not_found'),
  })),
})

adminRoutes.openapi(revoke, async (c) => {
  const { scope, actor, account } = c.var
  return c.json({ message: 'Sessions ended', revoked: await revokeSessions(scope, actor, account) }, 200)
})
