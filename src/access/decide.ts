/** The one decision about access: pure, and no unless something says yes. */
import { PERMISSIONS, type Permission, type Reach, type Role, reachOf } from './roles.ts'

/** What somebody comes with. */
export interface Rights {
  readonly role: Role
  /** What an API token narrows the role to; undefined for a session, which has all that the role has. */
  readonly scopes: readonly Permission[] | undefined
}

/** Whose the one thing is that is asked for. Left out where it is about none, or about many. */
export type Ownership = 'own' | 'others'

export type Decision =
  | { readonly isAllowed: true; readonly reach: Reach }
  | { readonly isAllowed: false; readonly because: 'role' | 'scope' | 'ownership' }

/** Whether these rights hold the permission, and how far; if not, what is missing. */
export function decideAccess(rights: Rights, permission: Permission, ownership?: Ownership): Decision {
  const reach = reachOf(rights.role, permission)
  if (reach === undefined) return { isAllowed: false, because: 'role' }
  if (rights.scopes && !rights.scopes.includes(permission)) return { isAllowed: false, because: 'scope' }
  if (reach === 'own' && ownership === 'others') return { isAllowed: false, because: 'ownership' }
  return { isAllowed: true, reach }
}

/** How far these rights hold the permission; undefined if not at all. */
export function reachBy(rights: Rights, permission: Permission): Reach | undefined {
  const decision = decideAccess(rights, permission)
  return decision.isAllowed ? decision.reach : undefined
}

/** All that these rights hold: what the role may, as far as the scopes name it. */
export function permissionsOf(rights: Rights): Permission[] {
  return PERMISSIONS.filter((permission) => decideAccess(rights, permission).isAllowed)
}
