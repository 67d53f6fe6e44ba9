/** Why somebody may or may not do something, by the same table and the same decision as a request. */
import { decideAccess } from './decide.ts'
import { type AccessRule, askedOf } from './declared.ts'
import type { Permission, Reach, Role } from './roles.ts'

interface Asker {
  readonly id: number
  readonly role: Role
  readonly status: 'active' | 'suspended'
}

/** The operation that a method and a path lead to. */
export interface Asked {
  /** Undefined where anyone may. */
  readonly rule: AccessRule | undefined
  /** The `{id}` of the path, if there is one. */
  readonly id: number | undefined
}

export const EXPLANATIONS = {
  no_operation: 'There is no such operation.',
  open: 'Anyone may call it, signed in or not.',
  granted: 'The role has the permission.',
  account_suspended: 'The account is suspended: its sessions have ended and its API tokens are refused.',
  role: 'The role does not have the permission.',
  ownership: 'The role has the permission for its own things only, and this is another person’s.',
} as const

export interface Explanation {
  readonly isAllowed: boolean
  readonly reason: keyof typeof EXPLANATIONS
  /** What the operation needs; null where it needs none. */
  readonly permission: Permission | null
  /** How far the role's permission goes. */
  readonly reach: Reach | null
  readonly missing: readonly Permission[]
}

/** Decides as the guard would for a session of this account; `asked` is undefined where no operation has that path. */
export function explainAccess(asker: Asker, asked: Asked | undefined): Explanation {
  const none = { permission: null, reach: null, missing: [] }
  if (!asked) return { ...none, isAllowed: false, reason: 'no_operation' }
  const { rule, id } = asked
  if (!rule) return { ...none, isAllowed: true, reason: 'open' }
  const { permission, ownership } = askedOf(rule, id, asker.id)
  if (asker.status !== 'active')
    return { isAllowed: false, reason: 'account_suspended', permission, reach: null, missing: [] }
  const rights = { role: asker.role, scopes: undefined }
  const decision = decideAccess(rights, permission, ownership)
  if (decision.isAllowed)
    return { isAllowed: true, reason: 'granted', permission, reach: decision.reach, missing: [] }
  const reason = decision.because === 'ownership' ? 'ownership' : 'role'
  return { isAllowed: false, reason, permission, reach: null, missing: [permission] }
}
