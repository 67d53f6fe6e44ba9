/** What every request passes before its route: facts, https, settings, the body; and what every answer gets. */
import { cors } from 'hono/cors'
import { createMiddleware } from 'hono/factory'
import { matchedRoutes } from 'hono/route'
import { secureHeaders } from 'hono/secure-headers'
import { arrivals, countArrival } from './arrivals.ts'
import { openDatabase } from './database.ts'
import { loadKeys } from './keys.ts'
import { logAlert, logInfo } from './log.ts'
import { isLoopback } from './loopback.ts'
import { Problem } from './problem.ts'
import { withCheckedBody } from './request-body.ts'
import { readRequestFacts } from './request-facts.ts'
import type { AppContext, AppEnv } from './request-scope.ts'
import { readSettings } from './settings.ts'

/** A page has a policy of its own. */
const NO_CONTENT_POLICY = "default-src 'none'; frame-ancestors 'none'"

/** Facts of the request, one log line, the request id and the defaults of an answer's headers. */
export const observe = createMiddleware<AppEnv>(async function observe(c, next) {
  countArrival()
  const facts = readRequestFacts(c.req.raw)
  c.set('facts', facts)
  await next()
  const { headers } = c.res
  headers.set('X-Request-Id', facts.requestId)
  for (const [name, value] of Object.entries(c.get('scope')?.answerHeaders ?? {})) headers.set(name, value)
  // Nearly every answer is for one person; what is not says so itself.
  if (!headers.has('Cache-Control')) headers.set('Cache-Control', 'no-store')
  if (!headers.has('Content-Security-Policy')) headers.set('Content-Security-Policy', NO_CONTENT_POLICY)
  logInfo('request', {
    request_id: facts.requestId,
    method: c.req.method,
    route: routeOf(c)?.path ?? '',
    status: c.res.status,
    ...(c.error instanceof Problem && { code: c.error.code, reason: c.error.reason }),
  })
})

export const protectAnswer = secureHeaders({
  strictTransportSecurity: 'max-age=63072000; includeSubDomains',
  crossOriginResourcePolicy: 'same-origin',
  referrerPolicy: 'no-referrer',
  xFrameOptions: 'DENY',
  // For Flash, old Internet Explorers and auditors of browsers that are gone; each costs every answer.
  xDownloadOptions: false,
  xPermittedCrossDomainPolicies: false,
  xXssProtection: false,
  xDnsPrefetchControl: false,
  originAgentCluster: false,
  removePoweredBy: false,
})

/** Plain http is never redirected: whatever secret it carries has been sent in the open already. */
export const requireHttps = createMiddleware<AppEnv>(async function requireHttps(c, next) {
  if (!c.req.url.startsWith('https://') && !isLoopback(new URL(c.req.url).hostname))
    throw new Problem('https_required')
  await next()
})

/** Refuses to work with unsafe settings; /health answers all the same. */
export const requireSettings = createMiddleware<AppEnv>(async function requireSettings(c, next) {
  if (isHealth(c)) return next()
  const outcome = readSettings(c.env)
  if ('faults' in outcome) {
    for (const fault of outcome.faults) logAlert('misconfigured', { setting: fault })
    throw new Problem('misconfigured')
  }
  c.set('scope', {
    db: openDatabase(c.env.DB),
    kv: c.env.KV,
    email: c.env.EMAIL,
    rings: { signIn: c.env.SIGN_IN_RING, registration: c.env.REGISTRATION_RING },
    settings: outcome.settings,
    keys: await loadKeys(outcome.settings),
    facts: c.get('facts'),
    waitUntil: (promise) => c.executionCtx.waitUntil(promise),
    signal: c.req.raw.signal,
    arrivals,
    answerHeaders: {},
  })
  await next()
})

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']

/** CORS for the exact origins of ALLOWED_ORIGINS, without credentials; others get no CORS header at all. */
export const allowOrigins = createMiddleware<AppEnv>(async function allowOrigins(c, next) {
  const origin = c.req.header('origin')
  const allowed = isHealth(c) ? [] : c.get('scope').settings.allowedOrigins
  if (origin === undefined || !allowed.includes(origin)) {
    await next()
    // Afterwards, when the answer exists: a header set before would be lost with an error's answer.
    c.res.headers.append('Vary', 'Origin')
    return
  }
  return cors({
    origin,
    allowMethods: METHODS,
    allowHeaders: ['Authorization', 'Content-Type', 'Device-Token'],
    exposeHeaders: ['X-Request-Id', 'Retry-After', 'RateLimit', 'RateLimit-Policy', 'WWW-Authenticate'],
    maxAge: 600,
  })(c, next)
})

const WITH_BODY = new Set(['POST', 'PUT', 'PATCH', 'DELETE'])

/** Size, type and encoding of a body, once a route has matched: 404 and 405 come first. */
export const checkBody = createMiddleware<AppEnv>(async function checkBody(c, next) {
  if (WITH_BODY.has(c.req.method) && routeOf(c)) c.req.raw = await withCheckedBody(c.req.raw)
  await next()
})

/** The route that has matched path and method; undefined if only middleware has. */
function routeOf(c: AppContext) {
  // The handler is the last of its route, behind the middleware that the route declares.
  return matchedRoutes(c).findLast((route) => route.method !== 'ALL')
}

function isHealth(c: AppContext): boolean {
  return /^\/health\/?$/.test(c.req.path)
}
