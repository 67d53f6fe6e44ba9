/**
 * Who may do what, as data. A role reaches a kind of thing as far as its own (`own`) or everybody's (`any`);
 * what is not listed is denied. docs/roles.md is made from this file.
 */
export const ROLES = ['customer', 'mechanic', 'admin'] as const
export type Role = (typeof ROLES)[number]

export const ROLE_MEANINGS: Record<Role, string> = {
  customer: 'Whoever registers. Sees and changes what is their own.',
  mechanic: 'Staff. Works on every ticket and with the stock, and sees whose car it is.',
  admin: 'Runs the shop: everything a mechanic may, and people, accounts and the audit log.',
}

export type Reach = 'own' | 'any'

type Grant = { readonly means: string } & Partial<Record<Role, Reach>>

const GRANTS = {
  'profile:read': {
    means:
      'See the own account; by a sign-in also its sessions, devices, second factors and API tokens, and all that is held about it',
    customer: 'own',
    mechanic: 'own',
    admin: 'own',
  },
  'profile:write': {
    means:
      'Change the own account; by a sign-in also its password and address of mail, sessions, devices, second factors and API tokens',
    customer: 'own',
    mechanic: 'own',
    admin: 'own',
  },
  'tickets:read': { means: 'See service tickets', customer: 'own', mechanic: 'any', admin: 'any' },
  'tickets:write': {
    means: 'Open service tickets for oneself; where it reaches everybody’s, open, change and remove any',
    customer: 'own',
    mechanic: 'any',
    admin: 'any',
  },
  'customers:read': { means: 'List and see customers', mechanic: 'any', admin: 'any' },
  'customers:write': { means: 'Change and delete customers', admin: 'any' },
  'mechanics:read': { means: 'See mechanics, without salaries', mechanic: 'any', admin: 'any' },
  'mechanics:write': { means: 'Add, change and remove mechanics, and see salaries', admin: 'any' },
  'inventory:read': { means: 'See parts and prices', customer: 'any', mechanic: 'any', admin: 'any' },
  'inventory:write': { means: 'Add, change and remove parts', mechanic: 'any', admin: 'any' },
  'accounts:admin': { means: 'Manage accounts, roles and access', admin: 'any' },
  'audit:read': { means: 'Read, export and check the audit log', admin: 'any' },
  'tokens:introspect': { means: 'Ask what a token is good for (RFC 7662)', admin: 'any' },
} as const satisfies Record<string, Grant>

export type Permission = keyof typeof GRANTS

export const PERMISSIONS: readonly Permission[] = Object.keys(GRANTS) as Permission[]

/** How far a role's permission goes; undefined where the role does not have it. */
export function reachOf(role: Role, permission: Permission): Reach | undefined {
  const grant: Grant = GRANTS[permission]
  return grant[role]
}

export function meaningOf(permission: Permission): string {
  return GRANTS[permission].means
}
