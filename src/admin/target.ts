/** The account that a path of /admin/accounts names. */
import { createMiddleware } from 'hono/factory'
import { answered } from '../platform/database.ts'
import { Problem } from '../platform/problem.ts'
import type { AppEnv } from '../platform/request-scope.ts'
import { type AccountRow, findAccount } from './queries.ts'

/** Loads the account, whatever its role; behind the guard, because 401 and 403 come before 404. */
export const loadAccount = createMiddleware<AppEnv & { Variables: { account: AccountRow } }>(
  async function loadAccount(c, next) {
    const id = Number(c.req.param('id'))
    const [account] = Number.isSafeInteger(id) ? await answered(findAccount(c.var.scope.db, id)) : []
    if (!account) throw new Problem('account_not_found')
    c.set('account', account)
    await next()
  },
)
