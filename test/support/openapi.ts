/** The published OpenAPI document as tests read it, and what the file's requests have shown beside it. */
import { anonymous } from './client.ts'
import { logLines } from './production-limits.ts'

export interface Operation {
  readonly method: string
  readonly path: string
  /** As in the document. */
  readonly description: any
}

export async function readDocument(): Promise<any> {
  return (await anonymous().get('/openapi.json')).body
}

export function operationsOf(document: any): Operation[] {
  return Object.entries<any>(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, description]) => ({
      method: method.toUpperCase(),
      path,
      description,
    })),
  )
}

/** What is for people to look at stands outside the document. */
export const PAGES = ['GET /docs']

/** A route's pattern as OpenAPI writes it. */
export function documentedPath(route: string): string {
  return route.replace(/:(\w+)(?:\{[^}]*\})?/g, '{$1}')
}

/** Every answer of a route since the file began, as the request log tells it, that the document lacks. */
export async function undocumentedAnswers(): Promise<string[]> {
  const document = await readDocument()
  const missing = new Set<string>()
  for (const line of logLines) {
    const { message, method, route, status } = JSON.parse(line)
    if (message !== 'request' || route === '') continue
    const path = documentedPath(route)
    const asked = method === 'HEAD' ? 'GET' : method
    if (PAGES.includes(`${asked} ${path}`)) continue
    const operation = document.paths[path]?.[asked.toLowerCase()]
    if (!operation?.responses[status]) missing.add(`${method} ${path} ${status}`)
  }
  return [...missing]
}
