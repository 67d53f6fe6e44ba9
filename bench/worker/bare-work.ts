/** The work that a request cannot do without, and nothing else: what figures are divided by. */

const FULL_ITERATIONS = 600_000

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
  if (pathname === '/bench/uninterrupted-sign-in') return signInUninterrupted(db, query.get('email') ?? '')
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

/** A sign-in as most services do it: the same two round trips, and one call that nothing can interrupt. */
async function signInUninterrupted(db: D1Database, email: string): Promise<Response> {
  const account = await db
    .prepare('SELECT id, role, status, email, password_hash FROM accounts WHERE email_canonical = ?')
    .bind(email)
    .first<{ id: number }>()
  await derive(1, FULL_ITERATIONS)
  if (!account) return new Response('no such account', { status: 404 })
  const now = Math.floor(Date.now() / 1000)
  const session = crypto.randomUUID()
  await db.batch([
    db
      .prepare(
        'INSERT INTO sessions (id, account_id, created_at, authenticated_at, expires_at) VALUES (?, ?, ?, ?, ?)',
      )
      .bind(session, account.id, now, now, now + 86_400),
    db
      .prepare(
        `INSERT INTO audit_events (event_id, occurred_at, event, outcome, actor_id, subject_id, session_id,
           details, key_id, mac)
         VALUES (?, ?, 'sign_in.succeeded', 'success', ?, ?, ?, '{}', 'bench', 'bench')`,
      )
      .bind(crypto.randomUUID(), now, account.id, account.id, session),
  ])
  return Response.json({ session })
}
