/** Pages for people. They are not part of the OpenAPI document. */
import { createRoutes } from '../platform/openapi.ts'
import { DOCS_PAGE, DOCS_POLICY } from './docs-page.ts'

export const webRoutes = createRoutes()

/** What is for people to look at: open to anyone. */
export const PAGES = ['GET /docs']

webRoutes.get('/docs', (c) =>
  c.html(DOCS_PAGE, 200, {
    'Content-Security-Policy': DOCS_POLICY,
    'Cache-Control': 'public, max-age=300',
  }),
)
