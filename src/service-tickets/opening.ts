/** Who may open a ticket for whom: what the body must say, and must not, depends on who sends it. */
import { reachBy } from '../access/decide.ts'
import { Problem, permissionMissing } from '../platform/problem.ts'
import type { AppContext } from '../platform/request-scope.ts'
import { fieldErrors, refuseInvalid, type ValidationResult } from '../platform/validate.ts'
import { type Actor, refuseAccess } from '../sessions/guard.ts'

/**
 * As `refuseInvalid`: staff must name the customer, and customers nobody but themselves, and no mechanics.
 * @throws Problem `forbidden` for another person's id, before any fault of the body is told
 */
export function refuseInvalidOpening(result: ValidationResult, c: AppContext): Promise<never> | undefined {
  const body = isObject(result.data) ? result.data : {}
  if (result.target !== 'json' || Object.keys(body).length === 0) return refuseInvalid(result)
  const { actor } = c.var as unknown as { readonly actor: Actor }
  const { customer_id, mechanic_ids } = body
  const errors = fieldErrors(result.error?.issues ?? [])
  if (reachBy(actor.rights, 'tickets:write') === 'any') {
    if (customer_id === undefined) errors['customer_id'] = ['Missing data for required field.']
  } else {
    // The token says for whom; an id in the body may only repeat it.
    if (Number.isInteger(customer_id) && customer_id !== actor.account.id) {
      return refuseForeign(c, actor)
    }
    if (mechanic_ids !== undefined) errors['mechanic_ids'] = ['Unknown field.']
  }
  if (Object.keys(errors).length > 0) throw new Problem('validation_failed', { errors })
  return undefined
}

async function refuseForeign(c: AppContext, actor: Actor): Promise<never> {
  await refuseAccess(c.var.scope, actor, c.req, 'tickets:write')
  throw permissionMissing('tickets:write', 'You can only open service tickets for yourself')
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
