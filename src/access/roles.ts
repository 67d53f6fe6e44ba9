/**
 * Who may do what, as data, and the one pure decision over it. A role reaches a kind of thing as far
 * as its own (`own`) or everybody's (`any`); what is not listed is denied.
 */
export const ROLES = ['customer', 'mechanic', 'admin'] as const
export type Role = (typeof ROLES)[number]

export const PERMISSIONS = [
  'profile:read',
  'profile:write',
  'tickets:read',
  'tickets:write',
  'customers:read',
  'customers:write',
  'mechanics:read',
  'mechanics:write',
  'inventory:read',
  'inventory:write',
  'accounts:admin',
  'audit:read',
  'tokens:introspect',
] as const
export type Permission = (typeof PERMISSIONS)[number]

export type Reach = 'own' | 'any'

const ROLE_REACH: Record<Role, Partial<Record<Permission, Reach>>> = {
  customer: {
    'profile:read': 'own',
    'profile:write': 'own',
    'tickets:read': 'own',
    'inventory:read': 'any',
  },
  mechanic: {
    'profile:read': 'own',
    'profile:write': 'own',
    'tickets:read': 'any',
    'tickets:write': 'any',
    'customers:read': 'any',
    'mechanics:read': 'any',
    'inventory:read': 'any',
    'inventory:write': 'any',
  },
  admin: {
    'profile:read': 'own',
    'profile:write': 'own',
    'tickets:read': 'any',
    'tickets:write': 'any',
    'customers:read': 'any',
    'customers:write': 'any',
    'mechanics:read': 'any',
    'mechanics:write': 'any',
    'inventory:read': 'any',
    'inventory:write': 'any',
    'accounts:admin': 'any',
    'audit:read': 'any',
    'tokens:introspect': 'any',
  },
}

/** How far a role's permission goes; undefined where the role does not have it. */
export function reachOf(role: Role, permission: Permission): Reach | undefined {
  return ROLE_REACH[role][permission]
}

export function permissionsOf(role: Role): Permission[] {
  return PERMISSIONS.filter((permission) => reachOf(role, permission) !== undefined)
}
