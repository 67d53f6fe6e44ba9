/** Pages for people. They are not part of the OpenAPI document. */
import { createRoutes } from '../platform/openapi.ts'
import { DOCS_PAGE, DOCS_POLICY } from './docs-page.ts'
import { LINK_PAGES, LINK_POLICY, type LinkKind, writeLinkPage } from './link-page.ts'

export const webRoutes = createRoutes()

const linkKinds = Object.keys(LINK_PAGES) as LinkKind[]

/** What is for people to look at: open to anyone. */
export const PAGES = ['GET /docs', ...linkKinds.map((kind) => `GET /links/${kind}`)]

webRoutes.get('/docs', (c) =>
  c.html(DOCS_PAGE, 200, {
    'Content-Security-Policy': DOCS_POLICY,
    'Cache-Control': 'public, max-age=300',
  }),
)

for (const kind of linkKinds) {
  webRoutes.get(`/links/${kind}`, (c) =>
    c.html(writeLinkPage(kind, c.var.scope.settings), 200, { 'Content-Security-Policy': LINK_POLICY }),
  )
}
