/** POST /customers: anyone registers. */
import * as z from 'zod'
import { CUSTOMER_EXAMPLE, customerSchema, showCustomer } from '../accounts/schemas.ts'
import { limit } from '../limits/middleware.ts'
import { refuseInvalidWithPassword } from '../passwords/validation.ts'
import {
  ANYONE,
  BODY_PROBLEMS,
  body,
  createRoute,
  createRoutes,
  json,
  later,
  limited,
  problems,
} from '../platform/openapi.ts'
import { registerCustomer } from './register.ts'
import { registrationSchema } from './schemas.ts'

export const registrationRoutes = createRoutes()

const ACCEPTED = 'A mail is on its way to this address'

const register = createRoute({
  method: 'post',
  path: '/customers',
  operationId: 'registerCustomer',
  tags: ['Customers'],
  summary: 'Register as a customer',
  description:
    'One account per e-mail address, however it is spelled. A link to confirm the address is on its way by mail; signing in does not wait for it. Five a minute from one address. Where registration is private the answer is 202, the same for an address that has an account; its owner is told by mail.',
  security: ANYONE,
  middleware: [limit('register')] as const,
  request: {
    body: body(registrationSchema, {
      first_name: 'John',
      last_name: 'Doe',
      email: 'john@example.com',
      phone_number: '555-0123',
      password: 'securepassword123',
    }),
  },
  responses: later(() => ({
    201: limited(json(customerSchema(), 'Registered', CUSTOMER_EXAMPLE)),
    202: limited(
      json(z.object({ message: z.string() }), 'Accepted, where registration is private', {
        message: ACCEPTED,
      }),
    ),
    ...problems(...BODY_PROBLEMS, 'email_taken', 'too_many_requests', 'sign_in_busy', 'unavailable'),
  })),
})

registrationRoutes.openapi(
  register,
  async (c) => {
    const input = c.req.valid('json')
    const person = {
      firstName: input.first_name,
      lastName: input.last_name,
      email: input.email,
      phoneNumber: input.phone_number ?? null,
    }
    const id = await registerCustomer(c.var.scope, { ...person, password: input.password })
    return c.var.scope.settings.registration === 'private'
      ? c.json({ message: ACCEPTED }, 202)
      : c.json(showCustomer({ ...person, id }), 201)
  },
  refuseInvalidWithPassword,
)
