/** /auth/export: a person's copy of everything held about them (GDPR Art. 15 and 20). */
import { limit } from '../limits/middleware.ts'
import {
  bearer,
  createRoute,
  createRoutes,
  jsonFile,
  later,
  limited,
  problems,
  SESSION_PROBLEMS,
} from '../platform/openapi.ts'
import { requireSession } from '../sessions/guard.ts'
import { exportPersonalData } from './export.ts'
import { PERSONAL_DATA_EXAMPLE, personalDataSchema } from './schemas.ts'

export const personalDataRoutes = createRoutes()

const exportRoute = createRoute({
  method: 'get',
  path: '/auth/export',
  operationId: 'exportPersonalData',
  tags: ['Profile'],
  summary: 'Download everything held about oneself',
  description:
    'Needs a recent sign-in or step-up. Nothing of other people is in it, and no secret. A download that breaks off is no valid JSON. Ten a minute from one address.',
  security: bearer('profile:read'),
  'x-permission': 'profile:read',
  middleware: [requireSession({ permission: 'profile:read', needsSession: true }), limit('export')] as const,
  responses: later(() => ({
    200: limited(jsonFile(personalDataSchema(), 'Everything', PERSONAL_DATA_EXAMPLE)),
    ...problems(
      ...SESSION_PROBLEMS,
      'forbidden',
      'session_required',
      'reauthentication_required',
      'too_many_requests',
    ),
  })),
})

personalDataRoutes.openapi(exportRoute, async (c) =>
  c.body(await exportPersonalData(c.var.scope, c.var.actor), 200, {
    'Content-Type': 'application/json',
    'Content-Disposition': 'attachment; filename="personal-data.json"',
  }),
)
