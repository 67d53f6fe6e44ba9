// Whether the deployed Worker does what it must, asked from outside as a client would.
import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { parseJson } from './deploy-commands.ts'

const ANSWER_WITHIN_MS = 10_000
const PAUSE_MS = 3_000

type Seen = { readonly status: number; readonly contentType: string; readonly text: string }

type Check = {
  readonly request: string
  readonly expected: string
  readonly body?: () => object
  readonly holds: (seen: Seen) => boolean
}

function member(text: string, name: string): unknown {
  const value = parseJson(text)
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
}

/** An address that is nobody's: its sign-in costs as much work as a real one. */
const nobody = () => ({
  email: `smoke-test-${randomBytes(6).toString('hex')}@example.com`,
  password: randomBytes(12).toString('base64url'),
})

export const CHECKS: readonly Check[] = [
  {
    request: 'GET /health',
    expected: '200, healthy',
    holds: ({ status, text }) => status === 200 && member(text, 'status') === 'healthy',
  },
  {
    request: 'GET /ready',
    expected: '200, ready',
    holds: ({ status, text }) => status === 200 && member(text, 'status') === 'ready',
  },
  {
    request: 'GET /openapi.json',
    expected: '200, the description of the API',
    holds: ({ status, text }) => status === 200 && member(text, 'paths') !== undefined,
  },
  {
    request: 'POST /auth/login',
    expected: '401, a problem: nobody has this account',
    body: nobody,
    holds: ({ status, contentType, text }) =>
      status === 401 &&
      contentType.startsWith('application/problem+json') &&
      member(text, 'code') === 'invalid_credentials',
  },
]

async function look(address: string, { request, body }: Check): Promise<Seen> {
  const [method = 'GET', path = '/'] = request.split(' ')
  const answer = await fetch(new URL(path, address), {
    method,
    redirect: 'manual',
    signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    ...(body && { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body()) }),
  })
  const contentType = answer.headers.get('content-type') ?? ''
  return { status: answer.status, contentType, text: await answer.text() }
}

const SHOWN_CHARACTERS = 400

/** Undefined when the check holds, else what was seen instead. */
async function findFault(address: string, check: Check): Promise<string | undefined> {
  try {
    const seen = await look(address, check)
    return check.holds(seen) ? undefined : `${seen.status} ${seen.text.slice(0, SHOWN_CHARACTERS)}`
  } catch (error) {
    const { message, cause } = error as Error
    return cause instanceof Error ? `${message}: ${cause.message}` : message
  }
}

/**
 * Tries each check until it holds; a new version takes a while to be served everywhere. Returns what did not
 * hold within `patience` milliseconds, or undefined.
 */
export async function smokeTest(
  address: string,
  print: (line: string) => void,
  patience: number,
): Promise<string | undefined> {
  const deadline = performance.now() + patience
  for (const check of CHECKS) {
    let fault = await findFault(address, check)
    while (fault !== undefined && performance.now() + PAUSE_MS < deadline) {
      await wait(PAUSE_MS)
      fault = await findFault(address, check)
    }
    if (fault !== undefined) return `${check.request}: expected ${check.expected}; got ${fault}`
    print(`  ${check.request}: ${check.expected}`)
  }
  return undefined
}

/** What to do about it. 1101 and 1102 are Cloudflare's codes for a Worker that threw or ran out of CPU time. */
export function explainFault(fault: string): string {
  if (/\b1102\b/.test(fault)) {
    return 'The Worker ran out of CPU time: checking a password needs the Workers Paid plan (docs/deploy.md).'
  }
  if (/fetch failed|timeout/i.test(fault)) {
    return 'The address does not answer from here yet. A new workers.dev name or custom domain can take some minutes.'
  }
  return `The new version is being served all the same. To go back to the one before it, if there is one:

  npx wrangler rollback`
}
