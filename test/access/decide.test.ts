/** The decision about access, case by case, and an app that does not start when an operation declares none. */
import { describe, expect, it } from 'vitest'
import { decideAccess, permissionsOf } from '../../src/access/decide.ts'
import { type AccessRule, declareRule, requireDeclaredAccess, ruleOf } from '../../src/access/declared.ts'
import { PERMISSIONS, type Permission, ROLES, reachOf } from '../../src/access/roles.ts'
import { app } from '../../src/app.ts'
import { PAGES } from '../../src/web/routes.ts'

const session = (role: (typeof ROLES)[number]) => ({ role, scopes: undefined })

describe('the decision', () => {
  it('S88: follows the table for every role, permission and owner', () => {
    for (const role of ROLES) {
      for (const permission of PERMISSIONS) {
        const reach = reachOf(role, permission)
        const expected = (isEnough: boolean) =>
          reach === undefined
            ? { isAllowed: false, because: 'role' }
            : isEnough
              ? { isAllowed: true, reach }
              : { isAllowed: false, because: 'ownership' }
        expect(decideAccess(session(role), permission)).toEqual(expected(true))
        expect(decideAccess(session(role), permission, 'own')).toEqual(expected(true))
        expect(decideAccess(session(role), permission, 'others')).toEqual(expected(reach === 'any'))
      }
    }
  })

  it('S43: scopes narrow a role and never widen it', () => {
    const rights = { role: 'mechanic', scopes: ['tickets:read', 'accounts:admin'] } as const
    expect(decideAccess(rights, 'tickets:read', 'others')).toEqual({ isAllowed: true, reach: 'any' })
    expect(decideAccess(rights, 'tickets:write')).toEqual({ isAllowed: false, because: 'scope' })
    expect(decideAccess(rights, 'accounts:admin')).toEqual({ isAllowed: false, because: 'role' })
    expect(permissionsOf(rights)).toEqual(['tickets:read'])
    expect(permissionsOf({ role: 'admin', scopes: [] })).toEqual([])
    expect(permissionsOf(session('admin'))).toEqual(PERMISSIONS)
    for (const role of ROLES) {
      const all = permissionsOf(session(role))
      expect(permissionsOf({ role, scopes: PERMISSIONS })).toEqual(all)
    }
  })

  it('S88: denies what no table knows', () => {
    expect(decideAccess({ role: 'nobody' as 'admin', scopes: undefined }, 'tickets:read').isAllowed).toBe(
      false,
    )
    expect(decideAccess(session('admin'), 'constructor' as Permission).isAllowed).toBe(false)
  })
})

describe('S88: the app does not start', () => {
  const guardOf = (rule: AccessRule) => declareRule(async () => undefined, rule)
  const start = (
    guard: object | undefined,
    declared: object | undefined,
    path = '/parts/:id{[1-9][0-9]*}',
  ) => {
    const handlers = [guard, async () => undefined].filter((one) => one !== undefined)
    requireDeclaredAccess(
      handlers.map((handler) => ({ method: 'PUT', path, handler })),
      declared ? [{ method: 'put', path: '/parts/{id{[1-9][0-9]*}}', ...declared }] : [],
      ['PUT /page'],
    )
  }
  const declares = (permission: string, text = permission) => ({
    security: [{ bearer: [permission] }, { cookie: [permission] }],
    'x-permission': text,
  })
  const guard = guardOf({ permission: 'inventory:write' })
  const both = guardOf({ permission: 'profile:read', others: 'customers:read' })

  it('only with operations that declare what their guard asks for', () => {
    expect(() => start(guard, declares('inventory:write'))).not.toThrow()
    expect(() =>
      start(both, declares('profile:read', 'profile:read for oneself, customers:read for others')),
    ).not.toThrow()
    expect(() => start(undefined, { security: [] })).not.toThrow()
    expect(() => start(undefined, undefined, '/page')).not.toThrow()
  })

  it.each([
    ['without a definition', undefined, undefined, 'has no definition'],
    ['with a guard, but without a definition', guard, undefined, 'has no definition'],
    ['with a definition that is silent', guard, {}, 'does not declare'],
    ['with a permission and no guard', undefined, declares('inventory:write'), 'that no guard asks for'],
    ['open, with a permission', undefined, { security: [], 'x-permission': 'x' }, 'that no guard asks for'],
    ['open, with a guard', guard, { security: [] }, 'another permission'],
    ['with the permission of another guard', guard, declares('inventory:read'), 'another permission'],
    ['with another text', guard, declares('inventory:write', 'inventory:read'), 'another permission'],
    ['that leaves out whose it is', both, declares('profile:read'), 'another permission'],
    [
      'with one alternative that is open',
      guard,
      { ...declares('inventory:write'), security: [{ bearer: ['inventory:write'] }, {}] },
      'another permission',
    ],
  ])('with an operation %s', (_, guard, declared, fault) => {
    expect(() => start(guard, declared)).toThrow(new RegExp(`^PUT /parts/\\{id\\} .*${fault}`))
  })

  it('with a path that answers every method', () => {
    const handler = async () => undefined
    expect(() => requireDeclaredAccess([{ method: 'ALL', path: '/*', handler }], [], [])).not.toThrow()
    expect(() => requireDeclaredAccess([{ method: 'ALL', path: '/back-door', handler }], [], [])).toThrow(
      '/back-door is for every method',
    )
  })

  it('with the real app less the guard of any one operation', () => {
    const definitions = app.openAPIRegistry.definitions.flatMap((one) =>
      one.type === 'route' ? [one.route] : [],
    )
    const guards = app.routes.filter(({ method, handler }) => method !== 'ALL' && ruleOf([handler]))
    expect(guards.length).toBeGreaterThan(20)
    for (const guard of guards) {
      const others = app.routes.filter((route) => route !== guard)
      expect(() => requireDeclaredAccess(others, definitions, PAGES), guard.path).toThrow('no guard')
    }
    expect(() => requireDeclaredAccess(app.routes, definitions, PAGES)).not.toThrow()
  })
})
