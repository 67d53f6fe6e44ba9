/** The Worker under other settings than the suite's. */
import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test'
import { app } from '../../src/app.ts'
import { type Answer, ORIGIN } from './client.ts'
import { tick } from './production-limits.ts'
import { testEnv } from './test-env.ts'

type Send = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<Answer>

/** Sends requests to the app with some variables, secrets or bindings replaced; undefined removes one. */
export async function withSettings(overrides: Record<string, unknown>): Promise<Send> {
  const env = { ...testEnv, ...overrides }
  for (const [name, value] of Object.entries(overrides)) if (value === undefined) delete env[name]
  return async (method, path, body, headers = {}) => {
    tick()
    const ctx = createExecutionContext()
    const request = new Request(ORIGIN + path, {
      method,
      headers: { ...(body !== undefined && { 'Content-Type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const response = await app.fetch(request, env, ctx)
    const text = await response.text()
    await waitOnExecutionContext(ctx)
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: /json/.test(response.headers.get('content-type') ?? '') ? JSON.parse(text) : undefined,
    }
  }
}
