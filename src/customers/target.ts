/**
 * The customer that a path names, and whether the actor may touch it. 403 comes before 404, so that
 * nobody learns which ids exist by asking for other people's.
 */
import { createMiddleware } from 'hono/factory'
import { type Permission, reachOf } from '../access/roles.ts'
import { findCustomer, type Profile } from '../accounts/queries.ts'
import { answered, type Database } from '../platform/database.ts'
import { Problem, permissionMissing } from '../platform/problem.ts'
import type { AppEnv } from '../platform/request-scope.ts'
import { type Actor, refuseAccess } from '../sessions/guard.ts'

type TargetEnv = AppEnv & { Variables: { actor: Actor; target: Profile } }

/** Lets a customer through to the own id, and whoever has the permission to anyone's; sets `target`. */
export function requireOwnOr(permission: Permission, refusal: string) {
  return createMiddleware<TargetEnv>(async function requireOwnOr(c, next) {
    const { scope, actor } = c.var
    const id = Number(c.req.param('id'))
    const isOwn = id === actor.account.id
    if (!isOwn && reachOf(actor.account.role, permission) !== 'any') {
      await refuseAccess(scope, actor, c.req, permission)
      throw permissionMissing(permission, refusal)
    }
    const target = await findTarget(scope.db, actor, id)
    c.set('target', target)
    c.set('person', { ...target, isActor: isOwn })
    await next()
  })
}

async function findTarget(db: Database, actor: Actor, id: number): Promise<Profile> {
  // The guard has read the own row already.
  if (id === actor.account.id && actor.account.role === 'customer') return actor.account
  const [customer] = Number.isSafeInteger(id) ? await answered(findCustomer(db, id)) : []
  if (!customer) throw new Problem('customer_not_found')
  return customer
}
