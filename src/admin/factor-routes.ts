/** /admin/accounts/{id}/reset-mfa: the way back for somebody who has lost every second factor. */
import * as z from 'zod'
import {
  bearer,
  CHANGE_PROBLEMS,
  createRoute,
  createRoutes,
  idParam,
  json,
  later,
  problems,
} from '../platform/openapi.ts'
import { requireSession } from '../sessions/guard.ts'
import { resetFactors } from './reset-mfa.ts'
import { loadAccount } from './target.ts'

export const adminFactorRoutes = createRoutes()

const reset = createRoute({
  method: 'post',
  path: '/admin/accounts/{id{[1-9][0-9]*}}/reset-mfa',
  operationId: 'resetFactorsOfAccount',
  tags: ['Accounts'],
  summary: 'Remove the second factors of somebody who has lost them',
  description:
    'Recovery codes go as well and every session ends; the password stays. Make sure who is asking: whoever knows the password signs in then. Needs a recent sign-in or step-up.',
  security: bearer('accounts:admin'),
  'x-permission': 'accounts:admin',
  // A person, not a program, makes sure.
  middleware: [requireSession({ permission: 'accounts:admin', needsSession: true }), loadAccount] as const,
  request: { params: idParam },
  responses: later(() => ({
    200: json(z.object({ message: z.string(), removed: z.int() }), 'How many there were', {
      message: 'Second factors removed',
      removed: 1,
    }),
    ...problems(
      ...CHANGE_PROBLEMS,
      'forbidden',
      'session_required',
      'reauthentication_required',
      'account_not_found',
    ),
  })),
})

adminFactorRoutes.openapi(reset, async (c) => {
  const { scope, actor, account } = c.var
  const removed = await resetFactors(scope, actor, account)
  return c.json({ message: 'Second factors removed', removed }, 200)
})
