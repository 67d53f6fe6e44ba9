/** A browser at a page of the API's own origin: keeps cookies, and sends what browsers send by themselves. */
import { type Answer, caller, ORIGIN, send } from './client.ts'

export interface Browser {
  /** By name, without attributes. */
  readonly cookies: Map<string, string>
  /** Sends a request as the page would; `headers` may replace what a browser adds. */
  readonly fetch: (
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string | undefined>,
  ) => Promise<Answer>
  /** Signs in by cookies, and gives the session's CSRF token. */
  readonly signIn: (person: { email: string; password: string }) => Promise<string>
}

const UNSAFE = new Set(['POST', 'PUT', 'PATCH', 'DELETE'])

export function browser(address = caller().address): Browser {
  const cookies = new Map<string, string>()
  const fetch: Browser['fetch'] = async (method, path, body, headers = {}) => {
    const sent: Record<string, string | undefined> = {
      'CF-Connecting-IP': address,
      'User-Agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
      'Sec-Fetch-Site': 'same-origin',
      Origin: UNSAFE.has(method) ? ORIGIN : undefined,
      'Content-Type': body === undefined ? undefined : 'application/json',
      Cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') || undefined,
      ...headers,
    }
    const defined = Object.entries(sent).filter((entry): entry is [string, string] => entry[1] !== undefined)
    const answer = await send(
      new Request(ORIGIN + path, {
        method,
        headers: defined,
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }),
    )
    for (const line of answer.headers.getSetCookie()) keep(cookies, line)
    return answer
  }
  const signIn: Browser['signIn'] = async ({ email, password }) => {
    const answer = await fetch('POST', '/auth/login', { email, password }, { 'X-Auth-Mode': 'cookie' })
    if (answer.status !== 200) throw new Error(`sign-in answered ${answer.text}`)
    return (await fetch('GET', '/auth/csrf')).body.csrf_token
  }
  return { cookies, fetch, signIn }
}

function keep(cookies: Map<string, string>, line: string): void {
  const [pair = '', ...attributes] = line.split('; ')
  const [name = '', value = ''] = pair.split('=')
  if (attributes.includes('Max-Age=0')) cookies.delete(name)
  else cookies.set(name, value)
}
