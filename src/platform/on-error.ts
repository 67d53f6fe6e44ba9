/** The one place where an error becomes an answer. What is not a Problem says nothing of itself. */
import { HTTPException } from 'hono/http-exception'
import { logAlert } from './log.ts'
import { Problem, problemResponse } from './problem.ts'
import type { AppContext } from './request-scope.ts'

export function answerError(error: unknown, c: AppContext): Response {
  const problem = toProblem(error)
  if (problem.code === 'internal_error') {
    // The message of an unknown error may hold anything; its name and place do not.
    logAlert('internal_error', {
      request_id: c.var.facts.requestId,
      name: error instanceof Error ? error.name : typeof error,
      at: error instanceof Error ? placeOf(error) : undefined,
    })
  }
  // `c.error` feeds the request's log line.
  c.error = problem
  return problemResponse(problem, c.var.facts.requestId)
}

/** The first frame of the stack, looked for behind the message: that may have lines like a frame too. */
function placeOf({ stack = '', message }: Error): string | undefined {
  const frames = stack.slice(stack.indexOf(message) + message.length).split('\n')
  return frames.find((line) => line.trim().startsWith('at '))?.trim()
}

function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  if (error instanceof HTTPException && error.status === 400) return new Problem('malformed_json')
  if (error instanceof HTTPException && error.status === 415) return new Problem('unsupported_media_type')
  return new Problem('internal_error', { cause: error })
}
