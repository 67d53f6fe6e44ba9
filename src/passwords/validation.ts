/** Validation of bodies that hold a new password: its faults are told together with all others. */

import { Problem } from '../platform/problem.ts'
import type { AppContext } from '../platform/request-scope.ts'
import { fieldErrors, refuseInvalid, type ValidationResult } from '../platform/validate.ts'
import { findPasswordFaults } from './policy.ts'

/** A validation hook: judges `password` beside what the body, or the person known already, says. */
export function refuseInvalidWithPassword(result: ValidationResult, c: AppContext): undefined {
  const body: Record<string, unknown> = typeof result.data === 'object' ? { ...result.data } : {}
  if (result.target !== 'json' || typeof body['password'] !== 'string') return refuseInvalid(result)
  const { person } = c.var
  // 403 comes before 400: nobody learns the rules of a password that is not theirs to set.
  if (person?.isActor === false) {
    throw new Problem('forbidden', { detail: 'A password can only be changed by its owner' })
  }
  const { settings } = c.var.scope
  const faults = findPasswordFaults(body['password'], {
    minLength: settings.passwordMinLength,
    shopName: settings.shopName,
    email: stringOr(body['email'], person?.email),
    firstName: stringOr(body['first_name'], person?.firstName),
    lastName: stringOr(body['last_name'], person?.lastName),
  })
  if (faults.length === 0) return refuseInvalid(result)
  const errors = { ...fieldErrors(result.error?.issues ?? []), password: faults }
  throw new Problem('validation_failed', { errors })
}

function stringOr(value: unknown, fallback: string | undefined): string | undefined {
  return typeof value === 'string' ? value : fallback
}
