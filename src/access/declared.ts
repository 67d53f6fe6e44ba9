/**
 * What each operation asks for, where it can be read: a guard declares its rule, and the app does not start if an
 * operation has no guard, or documents another rule than its guard enforces.
 */
import type { Ownership } from './decide.ts'
import type { Permission } from './roles.ts'

/** What a guard asks for. */
export interface AccessRule {
  readonly permission: Permission
  /** Instead of it, where `{id}` in the path is not the own account; asked for with reach over everybody's. */
  readonly others?: Permission
  /** It must reach over everybody's: to have it for one's own things is not enough. */
  readonly reach?: 'any'
  /** An API token is not enough: it can neither change credentials nor make other tokens. */
  readonly needsSession?: boolean
}

const rules = new WeakMap<object, AccessRule>()

/** Makes known what a guard asks for; gives the guard back. */
export function declareRule<Guard extends object>(guard: Guard, rule: AccessRule): Guard {
  rules.set(guard, rule)
  return guard
}

/** The rule among the handlers of an operation; undefined where there is no guard. */
export function ruleOf(handlers: readonly object[]): AccessRule | undefined {
  return handlers.map((handler) => rules.get(handler)).find((rule) => rule !== undefined)
}

/** Which permission the rule asks of an account at a path with this `{id}`, and whose the thing is, if the rule tells. */
export function askedOf(
  rule: AccessRule,
  id: number | undefined,
  accountId: number,
): { readonly permission: Permission; readonly ownership: Ownership | undefined } {
  if (rule.others === undefined)
    return { permission: rule.permission, ownership: rule.reach === 'any' ? 'others' : undefined }
  return id === accountId
    ? { permission: rule.permission, ownership: 'own' }
    : { permission: rule.others, ownership: 'others' }
}

/** The rule as the OpenAPI document says it, in `x-permission`. */
export function describeRule({ permission, others }: AccessRule): string {
  return others === undefined ? permission : `${permission} for oneself, ${others} for others`
}

interface Route {
  readonly method: string
  /** As Hono writes it: `/customers/:id{[1-9][0-9]*}`. */
  readonly path: string
  readonly handler: object
}

interface Definition {
  readonly method: string
  /** As the route definition has it: `/customers/{id{[1-9][0-9]*}}`. */
  readonly path: string
  readonly security?: readonly Record<string, readonly string[]>[]
}

/** A pattern as OpenAPI writes it, from either form. */
export function documentedPath(path: string): string {
  return path.replace(/:(\w+)(?:\{[^}]*\})?/g, '{$1}').replace(/\{(\w+)\{[^}]*\}\}/g, '{$1}')
}

const nameOf = ({ method, path }: Pick<Route, 'method' | 'path'>) =>
  `${method.toUpperCase()} ${documentedPath(path)}`

/**
 * Holds every route against its definition. `pages` are for people to look at, open to anyone and outside the document.
 * @throws TypeError that names the operation
 */
export function requireDeclaredAccess(
  routes: readonly Route[],
  definitions: readonly Definition[],
  pages: readonly string[],
): void {
  const defined = new Map(definitions.map((definition) => [nameOf(definition), definition]))
  const handlers = new Map<string, object[]>()
  for (const route of routes) {
    if (route.method === 'ALL') {
      // Middleware, which every request passes, is no operation; a handler for every method would be one.
      if (route.path !== '/*') throw new TypeError(`${route.path} is for every method, which none declares`)
      continue
    }
    handlers.set(nameOf(route), [...(handlers.get(nameOf(route)) ?? []), route.handler])
  }
  for (const [name, own] of handlers) {
    const fault = findFault(ruleOf(own), defined.get(name), pages.includes(name))
    if (fault !== undefined) throw new TypeError(`${name} ${fault}`)
  }
}

function findFault(rule: AccessRule | undefined, definition: Definition | undefined, isPage: boolean) {
  if (!definition) return isPage && !rule ? undefined : 'has no definition that declares who may call it'
  if (definition.security === undefined) return 'does not declare who may call it'
  const documented = (definition as { 'x-permission'?: unknown })['x-permission']
  if (!rule) {
    const isOpen = definition.security.length === 0 && documented === undefined
    return isOpen ? undefined : 'declares a permission that no guard asks for'
  }
  const scopes = definition.security.map((alternative) => Object.values(alternative).flat())
  const isRight =
    scopes.length > 0 && scopes.every(([scope, ...more]) => scope === rule.permission && more.length === 0)
  return isRight && documented === describeRule(rule)
    ? undefined
    : 'declares another permission than its guard asks for'
}
