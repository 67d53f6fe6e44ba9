/** The whole onion on one screen: what every request passes, then the features. */
import { methodNotAllowed } from 'hono/method-not-allowed'
import { requireDeclaredAccess } from './access/declared.ts'
import { createAccessRoutes } from './access/routes.ts'
import { adminFactorRoutes } from './admin/factor-routes.ts'
import { adminRoutes } from './admin/routes.ts'
import { apiTokenRoutes } from './api-tokens/routes.ts'
import { auditRoutes } from './audit/routes.ts'
import { registrationRoutes } from './customers/registration-routes.ts'
import { customerRoutes } from './customers/routes.ts'
import { introspectionRoutes } from './introspection/routes.ts'
import { inventoryRoutes } from './inventory/routes.ts'
import { mechanicRoutes } from './mechanics/routes.ts'
import { mfaRoutes } from './mfa/routes.ts'
import { smsRoutes } from './mfa/sms-routes.ts'
import { trustedDeviceRoutes } from './mfa/trusted-device-routes.ts'
import { mfaVerifyRoutes } from './mfa/verify-routes.ts'
import { outboxRoutes } from './outbox/routes.ts'
import { passwordRoutes } from './passwords/routes.ts'
import { personalDataRoutes } from './personal-data/routes.ts'
import { documentRoute, openApiDocument } from './platform/document.ts'
import { answerError } from './platform/on-error.ts'
import {
  allowOrigins,
  checkBody,
  observe,
  protectAnswer,
  requireHttps,
  requireSettings,
} from './platform/onion.ts'
import { createRoutes } from './platform/openapi.ts'
import { Problem, problemResponse } from './platform/problem.ts'
import { platformRoutes } from './platform/routes.ts'
import { linkRoutes } from './profile/link-routes.ts'
import { profileRoutes } from './profile/routes.ts'
import { ticketMechanicRoutes } from './service-tickets/mechanic-routes.ts'
import { ticketPartRoutes } from './service-tickets/part-routes.ts'
import { serviceTicketRoutes } from './service-tickets/routes.ts'
import { deviceRoutes } from './sessions/device-routes.ts'
import { sessionRoutes } from './sessions/routes.ts'
import { signInRoutes } from './sign-in/routes.ts'
import { stepUpRoutes } from './sign-in/step-up-routes.ts'
import { tokenRoutes } from './sign-in/token-routes.ts'
import { PAGES, webRoutes } from './web/routes.ts'

export const app = createRoutes()

app.use(observe, protectAnswer)
app.use(methodNotAllowed({ app, onMethodNotAllowed: (c, methods) => refuseMethod(c, methods) }))
app.use(requireHttps, requireSettings, allowOrigins, checkBody)

app.route('/', platformRoutes)
app.route('/', signInRoutes)
app.route('/', tokenRoutes)
app.route('/', stepUpRoutes)
app.route('/', mfaVerifyRoutes)
app.route('/', mfaRoutes)
app.route('/', smsRoutes)
app.route('/', trustedDeviceRoutes)
app.route('/', sessionRoutes)
app.route('/', deviceRoutes)
app.route('/', apiTokenRoutes)
app.route('/', introspectionRoutes)
app.route('/', registrationRoutes)
app.route('/', customerRoutes)
app.route('/', profileRoutes)
app.route('/', linkRoutes)
app.route('/', passwordRoutes)
app.route('/', mechanicRoutes)
app.route('/', inventoryRoutes)
app.route('/', serviceTicketRoutes)
app.route('/', ticketMechanicRoutes)
app.route('/', ticketPartRoutes)
app.route('/', personalDataRoutes)
app.route('/', auditRoutes)
app.route('/', outboxRoutes)
app.route('/', adminRoutes)
app.route('/', adminFactorRoutes)
app.route('/', createAccessRoutes(app))
app.route('/', webRoutes)
app.openapi(documentRoute, (c) =>
  c.json(openApiDocument(app) as { openapi: string }, 200, { 'Cache-Control': 'public, max-age=300' }),
)

requireDeclaredAccess(
  app.routes,
  app.openAPIRegistry.definitions.flatMap((definition) =>
    definition.type === 'route' ? [definition.route] : [],
  ),
  PAGES,
)

app.onError(answerError)
// Not through `answerError`: what counts as an error is never turned into a 405.
app.notFound((c) => problemResponse(new Problem('not_found'), c.var.facts.requestId))

function refuseMethod(c: Parameters<typeof answerError>[1], methods: string[]): Response {
  return answerError(new Problem('method_not_allowed', { headers: { Allow: methods.join(', ') } }), c)
}
