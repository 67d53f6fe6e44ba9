/** What the types of the client allow and refuse; compiled against the built package, never run. */
import { createMechanicShopClient, type Problem, type Schemas, secondsToWait } from 'mechanic-shop-client'

const shop = createMechanicShopClient({ baseUrl: 'https://api.shop.example' })

export async function readTicket(id: number): Promise<Schemas['TicketStatus'] | Problem['detail']> {
  const { data, error, response } = await shop.GET('/service-tickets/{id}', { params: { path: { id } } })
  if (error) return error.code === 'too_many_requests' ? `${secondsToWait(response)} s` : error.detail
  return data.status
}

export async function changeThings() {
  await shop.PUT('/service-tickets/{id}/edit', { params: { path: { id: 1 } }, body: { add_ids: [2] } })
  await shop.POST('/auth/tokens', { body: { name: 'Till', scopes: ['tickets:read'], expires_in_days: 1 } })
  await shop.GET('/service-tickets', { params: { query: { status: 'open', limit: 100 } } })
}

export async function refuseMistakes() {
  // @ts-expect-error: there is no such path
  await shop.GET('/service-ticket')
  // @ts-expect-error: the path has no such method
  await shop.DELETE('/auth/me')
  // @ts-expect-error: an id is a number
  await shop.GET('/service-tickets/{id}', { params: { path: { id: 'one' } } })
  // @ts-expect-error: there is no such status
  await shop.GET('/service-tickets', { params: { query: { status: 'lost' } } })
  // @ts-expect-error: a sign-in needs a password
  await shop.POST('/auth/login', { body: { email: 'john@example.com' } })
  // @ts-expect-error: a field has its type
  await shop.PATCH('/auth/me', { body: { phone_number: 5550123 } })
  const { data, error } = await shop.GET('/customers/my-tickets')
  // @ts-expect-error: data is there only if there was no error
  data.tickets
  // @ts-expect-error: the answer has no such member
  data?.tickets[0]?.colour
  // @ts-expect-error: there is no such code
  if (error?.code === 'too_many_cooks') return
  createMechanicShopClient({
    baseUrl: '/',
    mode: 'cookie',
    // @ts-expect-error: cookies need no store
    tokens: { read: () => ({}), write: () => undefined },
  })
}
