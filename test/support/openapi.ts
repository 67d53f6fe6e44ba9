/** The published OpenAPI document as tests read it, and what the file's requests have shown beside it. */
import { documentedPath } from '../../src/access/declared.ts'
import { PAGES } from '../../src/web/routes.ts'
import { anonymous } from './client.ts'
import { logLines } from './production-limits.ts'

/** As much of JSON Schema as this document has. */
export interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: boolean | Schema
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly enum?: readonly unknown[]
  readonly maxLength?: number
  readonly maximum?: number
  readonly maxItems?: number
  readonly pattern?: string
  readonly example?: unknown
}

interface Parameter {
  readonly in: string
  readonly name: string
  readonly required?: boolean
  readonly schema: Schema
}

interface Content {
  readonly schema: Schema
  readonly example?: unknown
  readonly examples?: Readonly<Record<string, { readonly value: { code: string; status: number } }>>
}

interface Described {
  readonly operationId: string
  readonly summary: string
  readonly tags: readonly string[]
  readonly security: readonly { readonly bearer?: readonly string[] }[]
  readonly 'x-permission'?: string
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly required?: boolean; readonly content: Readonly<Record<string, Content>> }
  readonly responses: Readonly<
    Record<
      string,
      { readonly description: string; readonly headers?: object; readonly content: Record<string, Content> }
    >
  >
}

export interface OpenApiDocument {
  readonly info: object
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>
    readonly securitySchemes: Readonly<Record<string, object>>
  }
}

export interface Operation {
  readonly method: string
  readonly path: string
  /** As in the document. */
  readonly description: Described
}

export async function readDocument(): Promise<OpenApiDocument> {
  return (await anonymous().get('/openapi.json')).body
}

/** The schema that a reference names, or the schema itself. */
export function resolveSchema(document: OpenApiDocument, schema: Schema): Schema {
  if (schema.$ref === undefined) return schema
  const named = document.components.schemas[schema.$ref.replace('#/components/schemas/', '')]
  if (!named) throw new Error(`${schema.$ref} names nothing`)
  return named
}

export function operationsOf(document: OpenApiDocument): Operation[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, description]) => ({
      method: method.toUpperCase(),
      path,
      description,
    })),
  )
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
