/** The work that a request cannot do without, and nothing else: what figures are divided by. */

export async function answerBareWork(
  pathname: string,
  query: URLSearchParams,
  env: Record<string, unknown>,
): Promise<Response> {
  const db = env['DB'] as D1Database
  if (pathname === '/bench/nothing') return new Response('nothing')
  if (pathname === '/bench/read') {
    // Better Auth's tables have other names.
    const table = query.get('table') === 'user' ? 'user' : 'accounts'
    const id = query.get('id') ?? '1'
    const row = await db
      .prepare(`SELECT id FROM ${table} WHERE id = ?`)
      .bind(table === 'user' ? id : Number(id))
      .first()
    return Response.json(row)
  }
  if (pathname === '/bench/derive') {
    await derive(Number(query.get('calls')), Number(query.get('iterations')))
    return new Response('derived')
  }
  return new Response('no such work', { status: 404 })
}

/** PBKDF2 calls in a row; without anything between them the isolate does nothing else meanwhile. */
async function derive(calls: number, iterations: number): Promise<void> {
  const material = crypto.getRandomValues(new Uint8Array(32))
  const key = await crypto.subtle.importKey('raw', material, 'PBKDF2', false, ['deriveBits'])
  const salt = crypto.getRandomValues(new Uint8Array(16))
  for (let call = 0; call < calls; call++) {
    await crypto.subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-256', salt, iterations }, key, 256)
  }
}
