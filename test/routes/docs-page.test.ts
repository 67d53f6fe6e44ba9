/** The Worker's part of /docs: the page and its headers. test/browser has what a browser makes of it. */
import { describe, expect, it } from 'vitest'
import { anonymous, ORIGIN, send } from '../support/client.ts'
import { readDocument } from '../support/openapi.ts'

describe('/docs', () => {
  it('is a page, with and without a trailing slash', async () => {
    const answer = await anonymous().get('/docs')
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/html; charset=UTF-8'])
    expect(answer.headers.get('cache-control')).toBe('public, max-age=300')
    expect(answer.text).toMatch(/^<!doctype html>\n<html lang="en">/)
    expect(answer.text).toContain('<title>Mechanic Shop API documentation</title>')
    expect(answer.text).toMatch(/<main[^>]*><p>[^<]*<a href="\/openapi\.json">/)
    const slashed = await anonymous().get('/docs/')
    expect([slashed.status, slashed.text]).toEqual([200, answer.text])
  })

  it('S98: has a policy of its own that lets in only files of this origin', async () => {
    const { headers } = await anonymous().get('/docs')
    expect(headers.get('content-security-policy')?.split('; ')).toEqual([
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "img-src 'self' data:",
      "connect-src 'self'",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ])
    const entry = await anonymous().get('/')
    expect(entry.headers.get('content-security-policy')).toBe("default-src 'none'; frame-ancestors 'none'")
    const others = [...entry.headers.keys()].filter((name) =>
      /^(strict|cross|referrer|x-(?!request))/.test(name),
    )
    expect(others).toHaveLength(6)
    for (const name of others) expect([name, headers.get(name)]).toEqual([name, entry.headers.get(name)])
  })

  it('holds nothing inline and nothing of another origin', async () => {
    const { text } = await anonymous().get('/docs')
    const addresses = [...text.matchAll(/ (?:href|src)="([^"]*)"/g)].map(([, address]) => address)
    expect(addresses.length).toBeGreaterThan(5)
    for (const address of addresses) expect(address).toMatch(/^(?:\/[a-z]|data:image\/svg\+xml,)/)
    expect(text).not.toMatch(/<style|<script>| style=| on\w+=/)
  })

  it('answers HEAD like GET, and 405 to everything else', async () => {
    const head = await send(new Request(`${ORIGIN}/docs`, { method: 'HEAD' }))
    expect([head.status, head.text, head.headers.get('content-type')]).toEqual([
      200,
      '',
      'text/html; charset=UTF-8',
    ])
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      const answer = await send(new Request(`${ORIGIN}/docs`, { method }))
      expect([method, answer.status, answer.headers.get('allow')]).toEqual([method, 405, 'GET, HEAD'])
    }
  })

  it('stands outside the document, and nothing below it is a path of the Worker', async () => {
    expect(Object.keys((await readDocument()).paths)).not.toContain('/docs')
    for (const path of ['/docs/start.js', '/docs/swagger-ui/', '/docs/nothing'])
      expect([path, (await anonymous().get(path)).body.code]).toEqual([path, 'not_found'])
  })
})
