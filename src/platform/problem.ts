/**
 * The one error class. What the wire says comes from the catalogue; `reason` and `cause` go to the
 * log only. Never put a token, a password, a hash or an e-mail address into either.
 */
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { type ProblemCode, problemKind } from './problem-catalogue.ts'

export type FieldErrors = Record<string, string[]>

interface ProblemOptions {
  /** Replaces the catalogue's detail. */
  detail?: string
  errors?: FieldErrors
  /** Members of its own beside those of every problem (RFC 9457 §3.2). */
  members?: Record<string, unknown>
  headers?: Record<string, string>
  /** For the log: why, where the wire stays vague. */
  reason?: string
  cause?: unknown
}

export class Problem extends Error {
  readonly code: ProblemCode
  readonly status: ContentfulStatusCode
  readonly detail: string | undefined
  readonly errors: FieldErrors | undefined
  readonly members: Record<string, unknown> | undefined
  readonly headers: Record<string, string>
  readonly reason: string | undefined

  constructor(code: ProblemCode, options: ProblemOptions = {}) {
    super(code, { cause: options.cause })
    const kind = problemKind(code)
    this.code = code
    this.status = kind.status
    this.detail = options.detail ?? kind.detail
    this.errors = options.errors
    this.members = options.members
    this.reason = options.reason
    this.headers = { ...defaultHeaders(code), ...options.headers }
  }
}

type Told = Pick<Problem, 'code' | 'detail' | 'errors'> & Partial<Pick<Problem, 'members'>>

/** The body of RFC 9457, with the members `error` and `message` that old clients read. */
export function problemBody(problem: Told, requestId: string) {
  const { title, status } = problemKind(problem.code)
  return {
    ...problem.members,
    type: `/problems/${problem.code}`,
    title,
    status,
    code: problem.code,
    ...(problem.detail !== undefined && { detail: problem.detail }),
    error: title,
    message: problem.detail ?? title,
    ...(problem.errors && { errors: problem.errors }),
    request_id: requestId,
  }
}

export function problemResponse(problem: Problem, requestId: string): Response {
  return new Response(JSON.stringify(problemBody(problem, requestId)), {
    status: problem.status,
    headers: {
      'Content-Type': 'application/problem+json',
      'Cache-Control': 'no-store',
      ...problem.headers,
    },
  })
}

const REALM = 'Bearer realm="mechanic-shop"'

// RFC 6750 §3.1: no error code when the request carried no token at all.
const CHALLENGES: Partial<Record<ProblemCode, string>> = {
  invalid_token: `${REALM}, error="invalid_token"`,
  token_expired: `${REALM}, error="invalid_token"`,
  invalid_customer: `${REALM}, error="invalid_token"`,
}

const RETRY_AFTER_SECONDS: Partial<Record<ProblemCode, string>> = {
  unavailable: '5',
  sign_in_busy: '5',
  sms_unavailable: '3600',
  misconfigured: '60',
  not_ready: '5',
  too_many_requests: '60',
}

function defaultHeaders(code: ProblemCode): Record<string, string> {
  const retryAfter = RETRY_AFTER_SECONDS[code]
  return {
    ...(problemKind(code).status === 401 && { 'WWW-Authenticate': CHALLENGES[code] ?? REALM }),
    ...(retryAfter !== undefined && { 'Retry-After': retryAfter }),
  }
}

/** RFC 9470 §3: tells the client that the token is good but the sign-in too old. */
export function reauthenticationRequired(maxAgeSeconds: number, detail?: string): Problem {
  return new Problem('reauthentication_required', {
    ...(detail !== undefined && { detail }),
    headers: {
      'WWW-Authenticate': `${REALM}, error="insufficient_user_authentication", max_age=${maxAgeSeconds}`,
    },
  })
}

/** RFC 6750 §3.1: names the permission that is missing. */
export function permissionMissing(permission: string, detail?: string): Problem {
  return new Problem('forbidden', {
    detail: detail ?? `This needs the permission ${permission}`,
    headers: { 'WWW-Authenticate': `${REALM}, error="insufficient_scope", scope="${permission}"` },
  })
}
