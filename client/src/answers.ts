/** What an answer says, beyond its body. */
import type { components } from './schema.ts'

export type Problem = components['schemas']['Problem']
export type ProblemCode = components['schemas']['ProblemCode']

export type Send = (request: Request) => Promise<Response>

/**
 * Something on the way has answered in the API's place: a proxy, a captive portal, a wrong `baseUrl`. It is thrown as
 * a failed connection is, so that `error` is always a Problem.
 */
export class UnexpectedAnswer extends Error {
  readonly response: Response

  constructor(response: Response) {
    super(`The answer with status ${response.status} is none of the API’s`)
    this.name = 'UnexpectedAnswer'
    this.response = response
  }
}

/** Lets only answers of this API through. @throws UnexpectedAnswer */
export function requireOwnAnswer(response: Response): Response {
  const type = response.headers.get('content-type') ?? ''
  const isOwn = response.ok
    ? /^application\/(json|x-ndjson)\b/.test(type)
    : type.startsWith('application/problem+json')
  if (!isOwn) throw new UnexpectedAnswer(response)
  return response
}

/** The problem's code, read from a copy: the caller reads the answer itself. */
export async function codeOf(response: Response): Promise<ProblemCode | undefined> {
  if (response.ok) return undefined
  const problem: Partial<Problem> = await response.clone().json()
  return problem.code
}

/** The seconds of `Retry-After`, which comes with 429 and 503. */
export function secondsToWait(response: Response): number | undefined {
  const header = response.headers.get('retry-after') ?? ''
  return /^\d+$/.test(header) ? Number(header) : undefined
}
