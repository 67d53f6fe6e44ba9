/**
 * Reads a body once, before anything else looks at it: its size (with or without Content-Length), its
 * type, its encoding. Whether it parses is told later, after 401, 403 and 404.
 */
import { Problem } from './problem.ts'
import { within } from './time-limit.ts'

export const MAX_BODY_BYTES = 65_536

/** A client that sends so slowly only holds the connection. */
const READ_WITHIN_MS = 15_000

/** `application/json`, with no parameter but a UTF-8 charset. */
const JSON_TYPE = /^application\/json\s*(?:;\s*charset\s*=\s*"?utf-8"?\s*)?$/i

/** Unparsable on purpose: stands for a body that must be refused where JSON is parsed, though it may parse. */
const REFUSED = '\u0001'

/**
 * The same request with its body as checked JSON text; an absent body becomes `{}`.
 * @throws Problem `payload_too_large`, `unsupported_media_type`, `request_timeout`
 */
export async function withCheckedBody(request: Request): Promise<Request> {
  if (Number(request.headers.get('content-length')) > MAX_BODY_BYTES) throw new Problem('payload_too_large')
  const bytes = await within(READ_WITHIN_MS, readAtMost(request.body, MAX_BODY_BYTES)).catch((cause) => {
    throw cause instanceof Problem ? cause : new Problem('request_timeout', { cause })
  })
  const headers = new Headers(request.headers)
  if (bytes.length > 0 && !JSON_TYPE.test(request.headers.get('content-type') ?? '')) {
    throw new Problem('unsupported_media_type')
  }
  headers.set('content-type', 'application/json')
  const body = bytes.length === 0 ? '{}' : decodeUtf8(bytes)
  return new Request(request.url, { method: request.method, headers, body, signal: request.signal })
}

async function readAtMost(stream: ReadableStream<Uint8Array> | null, limit: number): Promise<Uint8Array> {
  if (!stream) return new Uint8Array()
  const chunks: Uint8Array[] = []
  let length = 0
  const reader = stream.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    length += value.length
    if (length > limit) {
      await reader.cancel()
      throw new Problem('payload_too_large')
    }
    chunks.push(value)
  }
  const joined = new Uint8Array(length)
  let offset = 0
  for (const chunk of chunks) {
    joined.set(chunk, offset)
    offset += chunk.length
  }
  return joined
}

/** RFC 8259 §8.1: no byte order mark; a decoder would drop it silently. */
function decodeUtf8(bytes: Uint8Array): string {
  try {
    const decoded = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    return decoded.startsWith('\ufeff') || namesMemberTwice(decoded) ? REFUSED : decoded
  } catch {
    return REFUSED
  }
}

/**
 * RFC 8259 §4: parsers disagree about which of two members of one name counts, so neither does. Every
 * string before a colon is a name; JSON.parse keeps each name of an object once.
 * @throws SyntaxError for what is not JSON
 */
function namesMemberTwice(json: string): boolean {
  // Parsed first: over text that is no JSON the expression could take quadratic time.
  const values: unknown[] = [JSON.parse(json)]
  let names = 0
  for (const [, colon] of json.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?/g)) if (colon) names++
  // The list grows while it is walked; recursion would end at the depth that 64 KiB can have.
  for (const value of values) {
    if (typeof value !== 'object' || value === null) continue
    const inner = Object.values(value)
    if (!Array.isArray(value)) names -= inner.length
    for (const one of inner) values.push(one)
  }
  return names !== 0
}
