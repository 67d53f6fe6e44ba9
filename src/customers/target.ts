/** The customer that a path names. Whether the actor may touch it, the guard has said before: 403 comes before 404. */
import { createMiddleware } from 'hono/factory'
import { findCustomer, type Profile } from '../accounts/queries.ts'
import { answered, type Database } from '../platform/database.ts'
import { Problem } from '../platform/problem.ts'
import type { AppEnv } from '../platform/request-scope.ts'
import type { Actor } from '../sessions/guard.ts'

type TargetEnv = AppEnv & { Variables: { actor: Actor; target: Profile } }

/** Sets `target`. */
export const loadTarget = createMiddleware<TargetEnv>(async function loadTarget(c, next) {
  const { scope, actor } = c.var
  const id = Number(c.req.param('id'))
  const target = await findTarget(scope.db, actor, id)
  c.set('target', target)
  c.set('person', { ...target, isActor: id === actor.account.id })
  await next()
})

async function findTarget(db: Database, actor: Actor, id: number): Promise<Profile> {
  // The guard has read the own row already.
  if (id === actor.account.id && actor.account.role === 'customer') return actor.account
  const [customer] = Number.isSafeInteger(id) ? await answered(findCustomer(db, id)) : []
  if (!customer) throw new Problem('customer_not_found')
  return customer
}
