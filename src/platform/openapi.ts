/**
 * Routes with their documentation: one definition gives validation, types and the OpenAPI document.
 * `problems(...)` lists what else a route can answer, so that the document tells every status.
 */
import { createRoute, OpenAPIHono } from '@hono/zod-openapi'
import * as z from 'zod'
import { once } from './once.ts'
import { problemBody } from './problem.ts'
import { PROBLEM_CODES, type ProblemCode, problemKind } from './problem-catalogue.ts'
import type { AppEnv } from './request-scope.ts'
import { refuseInvalid } from './validate.ts'

export { createRoute }

/** A sub-app whose validators answer in this API's error shape. */
export function createRoutes() {
  return new OpenAPIHono<AppEnv>({ strict: false, defaultHook: refuseInvalid })
}

/** For clients that decide by it: TypeScript knows every code. */
export const problemCodeSchema = z.enum(PROBLEM_CODES).meta({ id: 'ProblemCode' })

export const problemSchema = once(() =>
  z
    .object({
      type: z.string(),
      title: z.string(),
      status: z.int(),
      code: problemCodeSchema,
      detail: z.string().optional(),
      error: z.string(),
      message: z.string(),
      errors: z.record(z.string(), z.array(z.string())).optional(),
      request_id: z.string(),
    })
    .meta({ id: 'Problem' }),
)

/** What any route can answer, whatever it does. */
const ANYWHERE: ProblemCode[] = ['https_required', 'internal_error', 'misconfigured']

/** What a route with a request body can answer on top. */
export const BODY_PROBLEMS = [
  'malformed_json',
  'input_missing',
  'validation_failed',
  'payload_too_large',
  'unsupported_media_type',
  'request_timeout',
] as const satisfies ProblemCode[]

/** What a route behind `requireSession` can answer on top. */
export const SESSION_PROBLEMS = [
  'token_missing',
  'authorization_header_malformed',
  'invalid_token',
  'token_expired',
  'invalid_customer',
  'unavailable',
] as const satisfies ProblemCode[]

/** What a route behind `requireSession` that changes something can answer on top. */
export const CHANGE_PROBLEMS = [
  ...SESSION_PROBLEMS,
  ...BODY_PROBLEMS,
  'csrf_failed',
] as const satisfies ProblemCode[]

/**
 * The documented error answers of a route, one entry per status. The type says nothing on purpose:
 * a handler returns successes only and throws the rest.
 */
export function problems(...codes: ProblemCode[]): Record<never, never> {
  return onlyProblems(...codes, ...ANYWHERE)
}

/** As `problems`, without what any other route can answer. */
export function onlyProblems(...codes: ProblemCode[]): Record<never, never> {
  const byStatus = new Map<number, Set<ProblemCode>>()
  for (const code of codes) {
    const { status } = problemKind(code)
    byStatus.set(status, (byStatus.get(status) ?? new Set()).add(code))
  }
  const isLimited = codes.includes('too_many_requests')
  return Object.fromEntries(
    [...byStatus].map(([status, set]) => [status, problemAnswer(status, [...set], isLimited)]),
  )
}

const textHeader = (description: string) => ({ description, schema: { type: 'string' as const } })

/** What an answer of a limited route says of the limit (draft-ietf-httpapi-ratelimit-headers-10). */
const RATE_LIMIT_HEADERS = {
  RateLimit: textHeader(
    'How many attempts are left, and the seconds until there are more: `"login";r=4;t=60`',
  ),
  'RateLimit-Policy': textHeader(
    'The limit: so many attempts, and the seconds of the first wait: `"login";q=5;w=60`',
  ),
}

/** The headers that come with a status. */
const PROBLEM_HEADERS: Record<number, Record<string, ReturnType<typeof textHeader>>> = {
  401: { 'WWW-Authenticate': textHeader('The challenge of RFC 6750, with `error` if a token was sent') },
  429: { 'Retry-After': textHeader('Seconds to wait') },
  503: { 'Retry-After': textHeader('Seconds to wait') },
}

function problemAnswer(status: number, codes: ProblemCode[], isLimited: boolean) {
  // Not by `new Problem`: hundreds of stack traces would be taken at every start of an isolate.
  const example = (code: ProblemCode) =>
    problemBody({ code, detail: problemKind(code).detail, errors: undefined }, 'kQ3vX0cYw2mJm0l8s5q7Fg')
  const examples = Object.fromEntries(codes.map((code) => [code, { value: example(code) }]))
  return {
    description: codes.map((code) => `\`${code}\`: ${problemKind(code).title}`).join('; '),
    ...(PROBLEM_HEADERS[status] && {
      headers: { ...PROBLEM_HEADERS[status], ...(isLimited && status < 500 && RATE_LIMIT_HEADERS) },
    }),
    content: { 'application/problem+json': { schema: problemSchema(), examples } },
  }
}

/**
 * The documented answers of a route, made when the document is asked for: most isolates never are, and
 * the schemas of answers would be the larger half of what each start makes.
 */
export function later<Answers extends object>(make: () => Answers): Answers {
  const answers = once(make)
  return new Proxy({} as Answers, {
    ownKeys: () => Reflect.ownKeys(answers()),
    getOwnPropertyDescriptor: (_, name) => Reflect.getOwnPropertyDescriptor(answers(), name),
    get: (_, name) => Reflect.get(answers(), name),
  })
}

/** A JSON answer of a route. */
export function json<Schema extends z.ZodType>(schema: Schema, description: string, example?: unknown) {
  return {
    description,
    content: { 'application/json': { schema, ...(example !== undefined && { example }) } },
  }
}

/** The success of a limited route. */
export function limited<Answer extends object>(answer: Answer & { readonly headers?: object }) {
  return { ...answer, headers: { ...answer.headers, ...RATE_LIMIT_HEADERS } }
}

/** A route's answer as a file of NDJSON, a JSON object a line. */
export function ndjson(description: string, example: unknown) {
  // Typed by any name: the library takes every type that ends in `json` for one JSON value.
  const content: Record<string, { schema: z.ZodType; example: string }> = {
    'application/x-ndjson': { schema: z.string(), example: `${JSON.stringify(example)}\n` },
  }
  return { description, headers: { 'Content-Disposition': textHeader('A file name') }, content }
}

/** A route's answer as a JSON file, which is written while it is read. */
export function jsonFile(schema: z.ZodType, description: string, example: unknown) {
  // As above: no value to check, but a stream.
  const content: Record<string, { schema: z.ZodType; example: unknown }> = {
    'application/json': { schema, example },
  }
  return { description, headers: { 'Content-Disposition': textHeader('A file name') }, content }
}

/** A JSON request body of a route. */
export function body<Schema extends z.ZodType>(schema: Schema, example: unknown, required = true) {
  return { required, content: { 'application/json': { schema, example: example as z.input<Schema> } } }
}

/** The security requirement of a route that anyone may call. */
export const ANYONE: Record<string, string[]>[] = []

/** An id in a path: its form is part of the route, its bounds are JavaScript's. */
export const idParam = z.object({
  id: z.string().meta({
    type: 'integer',
    format: 'int64',
    minimum: 1,
    maximum: Number.MAX_SAFE_INTEGER,
    example: 1,
  }),
})

/** The security requirement of a route behind `requireSession`: a token in the header, or else in a cookie. */
export function bearer(...permissions: string[]): Record<string, string[]>[] {
  return [{ bearer: permissions }, { cookie: permissions }]
}
