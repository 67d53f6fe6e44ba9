/** Work on a ticket: mechanics, parts and their stock, deleting; what may happen once does so once. */
import { beforeAll, describe, expect, it } from 'vitest'
import {
  type Answer,
  admin,
  anonymous,
  customer,
  mechanic,
  type Person,
  uniqueEmail,
} from '../support/client.ts'
import { undocumentedAnswers } from '../support/openapi.ts'
import { beforeRoundTrip, passTime } from '../support/production-limits.ts'
import { testEnv } from '../support/test-env.ts'

let john: Person
let mike: Person
let boss: Person

beforeAll(async () => {
  ;[john, mike, boss] = await Promise.all([customer(), mechanic(), admin()])
})

const ticketFor = async (fields: object = {}): Promise<any> => {
  const ticket = { customer_id: john.id, description: 'Brakes', service_date: '2026-01-15', ...fields }
  const answer = await mike.post('/service-tickets', ticket)
  if (answer.status !== 201) throw new Error(answer.text)
  return answer.body
}
const mechanicNamed = async (name: string): Promise<number> =>
  (await boss.post('/mechanics', { name, email: uniqueEmail('m') })).body.id
let items = 0
const item = async (fields: object = {}): Promise<any> =>
  (await mike.post('/inventory', { name: `Part ${++items}`, price: 49.95, ...fields })).body
const stockOf = async (id: number) => (await mike.get(`/inventory/${id}`)).body.quantity
const read = async (id: number): Promise<any> => (await mike.get(`/service-tickets/${id}`)).body
const eventsOf = async (ticketId: number) => {
  const { results } = await testEnv.DB.prepare(
    "SELECT event, subject_id, details FROM audit_events WHERE json_extract(details, '$.ticket_id') = ? ORDER BY id",
  )
    .bind(ticketId)
    .all<{ event: string; subject_id: number | null; details: string }>()
  return results
}
const namesOf = async (ticketId: number) => (await eventsOf(ticketId)).map(({ event }) => event)
const told = ({ status, body }: { status: number; body: Answer['body'] }) => [
  status,
  body.error ?? body.message,
]

describe('a mechanic', () => {
  it('is assigned and removed, each once, with the old texts', async () => {
    const ticket = await ticketFor()
    const id = await mechanicNamed('Maria Keller')
    passTime(5)
    const assigned = await mike.put(`/service-tickets/${ticket.id}/assign-mechanic/${id}`)
    expect([assigned.status, assigned.body]).toEqual([
      200,
      {
        message: `Mechanic Maria Keller assigned to service ticket ${ticket.id}`,
        service_ticket: {
          ...ticket,
          mechanics: [{ id, name: 'Maria Keller' }],
          updated_at: assigned.body.service_ticket.updated_at,
        },
      },
    ])
    expect(assigned.body.service_ticket.updated_at > ticket.updated_at).toBe(true)
    expect(await read(ticket.id)).toEqual(assigned.body.service_ticket)
    expect(told(await boss.put(`/service-tickets/${ticket.id}/assign-mechanic/${id}/`))).toEqual([
      400,
      'Mechanic already assigned to this service ticket',
    ])
    const removed = await boss.put(`/service-tickets/${ticket.id}/remove-mechanic/${id}`)
    expect([removed.status, removed.body.message, removed.body.service_ticket.mechanics]).toEqual([
      200,
      `Mechanic Maria Keller removed from service ticket ${ticket.id}`,
      [],
    ])
    expect(told(await mike.put(`/service-tickets/${ticket.id}/remove-mechanic/${id}`))).toEqual([
      400,
      'Mechanic is not assigned to this service ticket',
    ])
    expect((await eventsOf(ticket.id)).slice(1)).toEqual([
      {
        event: 'ticket.mechanic_assigned',
        subject_id: john.id,
        details: `{"ticket_id":${ticket.id},"mechanic_id":${id}}`,
      },
      {
        event: 'ticket.mechanic_removed',
        subject_id: john.id,
        details: `{"ticket_id":${ticket.id},"mechanic_id":${id}}`,
      },
    ])
  })

  it('who does not exist is 404, as is a ticket that does not, and nothing is written', async () => {
    const ticket = await ticketFor()
    const id = await mechanicNamed('Sam')
    for (const verb of ['assign-mechanic', 'remove-mechanic']) {
      for (const nobody of ['999999', '99999999999999999999']) {
        expect(told(await mike.put(`/service-tickets/${ticket.id}/${verb}/${nobody}`))).toEqual([
          404,
          'Mechanic not found',
        ])
      }
      expect(told(await mike.put(`/service-tickets/999999/${verb}/${id}`))).toEqual([
        404,
        'Service ticket not found',
      ])
      for (const malformed of ['0', 'x', '-1']) {
        expect((await mike.put(`/service-tickets/${ticket.id}/${verb}/${malformed}`)).body.code).toBe(
          'not_found',
        )
      }
    }
    expect(await read(ticket.id)).toEqual(ticket)
    expect(await namesOf(ticket.id)).toEqual(['ticket.created'])
  })

  it('of twenty assignments at once one holds, and of twenty removals', async () => {
    const ticket = await ticketFor()
    const id = await mechanicNamed('Twenty')
    for (const verb of ['assign-mechanic', 'remove-mechanic']) {
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => mike.put(`/service-tickets/${ticket.id}/${verb}/${id}`)),
      )
      expect(answers.map(({ status }) => status).toSorted()).toEqual([200, ...Array(19).fill(400)])
    }
    expect(await namesOf(ticket.id)).toEqual([
      'ticket.created',
      'ticket.mechanic_assigned',
      'ticket.mechanic_removed',
    ])
  })

  it('is one of twenty at most', async () => {
    const crowd = await Promise.all(Array.from({ length: 21 }, (_, index) => mechanicNamed(`M ${index}`)))
    const ticket = await ticketFor({ mechanic_ids: crowd.slice(0, 20) })
    expect(told(await mike.put(`/service-tickets/${ticket.id}/assign-mechanic/${crowd[20]}`))).toEqual([
      409,
      'Service ticket is full',
    ])
    expect((await read(ticket.id)).mechanics).toHaveLength(20)
  })
})

describe('an edit', () => {
  it('answers 200 when all is done, 207 when a part is, 400 when nothing is', async () => {
    const [first, second, third] = await Promise.all(['A', 'B', 'C'].map(mechanicNamed))
    const ticket = await ticketFor({ mechanic_ids: [first] })
    const path = `/service-tickets/${ticket.id}/edit`
    const whole = await mike.put(path, { add_ids: [second, third, second], remove_ids: [first] })
    expect([whole.status, whole.body]).toEqual([
      200,
      {
        message: `Processed 3 mechanic changes for ticket ${ticket.id}`,
        changes_made: [
          `Mechanic A removed from service ticket ${ticket.id}`,
          `Mechanic B assigned to service ticket ${ticket.id}`,
          `Mechanic C assigned to service ticket ${ticket.id}`,
        ],
        service_ticket: await read(ticket.id),
        errors: {},
      },
    ])
    expect(whole.body.service_ticket.mechanics.map(({ name }: { name: string }) => name)).toEqual(['B', 'C'])
    const part = await boss.put(`${path}/`, { add_ids: [second, first], remove_ids: [999_999, first, third] })
    expect([part.status, part.body.message, part.body.changes_made, part.body.errors]).toEqual([
      207,
      `Processed 2 mechanic changes for ticket ${ticket.id}`,
      [
        `Mechanic C removed from service ticket ${ticket.id}`,
        `Mechanic A assigned to service ticket ${ticket.id}`,
      ],
      {
        'remove_ids.0': ['Mechanic not found'],
        'remove_ids.1': ['Mechanic is not assigned to this service ticket'],
        'add_ids.0': ['Mechanic already assigned to this service ticket'],
      },
    ])
    const before = await read(ticket.id)
    const none = await mike.put(path, { add_ids: [first], remove_ids: [third] })
    expect([none.status, none.body.code, none.body.errors]).toEqual([
      400,
      'no_changes_made',
      {
        'remove_ids.0': ['Mechanic is not assigned to this service ticket'],
        'add_ids.0': ['Mechanic already assigned to this service ticket'],
      },
    ])
    expect(await read(ticket.id)).toEqual(before)
    expect((await namesOf(ticket.id)).filter((name) => name !== 'ticket.created')).toHaveLength(5)
  })

  it('that asks for nothing changes nothing', async () => {
    const ticket = await ticketFor()
    for (const body of [{}, { add_ids: [] }, { add_ids: [], remove_ids: [] }, undefined]) {
      const answer = await mike.put(`/service-tickets/${ticket.id}/edit`, body)
      expect([answer.status, answer.body]).toEqual([
        200,
        { message: 'No changes requested', changes_made: [], service_ticket: ticket, errors: {} },
      ])
    }
  })

  it('tells all faults at once, after 404', async () => {
    const ticket = await ticketFor()
    const wrong = { add_ids: ['1', 0], remove_ids: 7, status: 'open' }
    expect((await mike.put(`/service-tickets/${ticket.id}/edit`, wrong)).body.errors).toEqual({
      'add_ids.0': ['Not a valid integer.'],
      'add_ids.1': ['Must be greater than 0.'],
      remove_ids: ['Not a valid list.'],
      status: ['Unknown field.'],
    })
    expect(told(await mike.put('/service-tickets/999999/edit', wrong))).toEqual([
      404,
      'Service ticket not found',
    ])
    const many = { add_ids: Array.from({ length: 21 }, (_, index) => index + 1) }
    expect((await mike.put(`/service-tickets/${ticket.id}/edit`, many)).body.errors).toEqual({
      add_ids: ['Longer than maximum length 20.'],
    })
  })

  it('of forty ids is one batch within the limits of the database', async () => {
    const ids = await Promise.all(Array.from({ length: 40 }, (_, index) => mechanicNamed(`N ${index}`)))
    const ticket = await ticketFor({ mechanic_ids: ids.slice(0, 20) })
    const answer = await mike.put(`/service-tickets/${ticket.id}/edit`, {
      remove_ids: ids.slice(0, 20),
      add_ids: ids.slice(20),
    })
    expect([answer.status, answer.body.message]).toEqual([
      200,
      `Processed 40 mechanic changes for ticket ${ticket.id}`,
    ])
    expect(answer.body.service_ticket.mechanics.map(({ id }: { id: number }) => id)).toEqual(ids.slice(20))
  })
})

describe('a part', () => {
  it('is taken from the stock with its name and price of the time, and given back', async () => {
    const ticket = await ticketFor()
    const pads = await item({ name: 'Brake pads', quantity: 5 })
    passTime(5)
    const added = await mike.post(`/service-tickets/${ticket.id}/inventory/`, {
      inventory_id: pads.id,
      quantity: 2,
    })
    const parts = [{ id: pads.id, name: 'Brake pads', price: 49.95, quantity: 2 }]
    expect([added.status, added.body]).toEqual([
      200,
      {
        message: `Inventory item Brake pads added to service ticket ${ticket.id}`,
        service_ticket: { ...ticket, parts, updated_at: added.body.service_ticket.updated_at },
      },
    ])
    expect(added.body.service_ticket.updated_at > ticket.updated_at).toBe(true)
    expect(await stockOf(pads.id)).toBe(3)
    await mike.put(`/inventory/${pads.id}`, { name: 'Brake pads, ceramic', price: 80 })
    for (const reader of [mike, john]) {
      expect((await reader.get(`/service-tickets/${ticket.id}`)).body.parts).toEqual(parts)
    }
    const own = (await john.get('/customers/my-tickets')).body.tickets
    expect(own.find(({ id }: { id: number }) => id === ticket.id).parts).toEqual(parts)
    expect(
      told(await mike.post(`/service-tickets/${ticket.id}/inventory`, { inventory_id: pads.id })),
    ).toEqual([400, 'Inventory item already added to this service ticket'])
    const removed = await boss.delete(`/service-tickets/${ticket.id}/inventory/${pads.id}`)
    expect([told(removed), removed.body.service_ticket.parts, await stockOf(pads.id)]).toEqual([
      [200, `Inventory item Brake pads removed from service ticket ${ticket.id}`],
      [],
      5,
    ])
    expect(told(await mike.delete(`/service-tickets/${ticket.id}/inventory/${pads.id}`))).toEqual([
      400,
      'Inventory item is not assigned to this service ticket',
    ])
    expect((await eventsOf(ticket.id)).slice(1).map(({ event, details }) => [event, details])).toEqual([
      ['ticket.part_added', `{"ticket_id":${ticket.id},"item_id":${pads.id},"quantity":2}`],
      ['ticket.part_removed', `{"ticket_id":${ticket.id},"item_id":${pads.id}}`],
    ])
  })

  it('that is not counted is always there', async () => {
    const ticket = await ticketFor()
    const grease = await item()
    await mike.post(`/service-tickets/${ticket.id}/inventory`, {
      inventory_id: grease.id,
      quantity: 1_000_000,
    })
    expect((await read(ticket.id)).parts[0].quantity).toBe(1_000_000)
    expect(await stockOf(grease.id)).toBeNull()
    await mike.delete(`/service-tickets/${ticket.id}/inventory/${grease.id}`)
    expect(await stockOf(grease.id)).toBeNull()
  })

  it('of which there are too few is 409, and nothing changes', async () => {
    const ticket = await ticketFor()
    const { id } = await item({ quantity: 2 })
    for (const quantity of [3, 1_000_000]) {
      const answer = await mike.post(`/service-tickets/${ticket.id}/inventory`, {
        inventory_id: id,
        quantity,
      })
      expect([answer.status, answer.body.code]).toEqual([409, 'stock_exhausted'])
    }
    expect([await read(ticket.id), await stockOf(id)]).toEqual([ticket, 2])
    expect(await namesOf(ticket.id)).toEqual(['ticket.created'])
    expect(
      (await mike.post(`/service-tickets/${ticket.id}/inventory`, { inventory_id: id, quantity: 2 })).status,
    ).toBe(200)
    expect(await stockOf(id)).toBe(0)
  })

  it('the last one, wanted by fifty tickets at once, goes to one of them', async () => {
    const tickets = await Promise.all(Array.from({ length: 50 }, () => ticketFor()))
    const last = await item({ quantity: 1 })
    const answers = await Promise.all(
      tickets.map(({ id }) => mike.post(`/service-tickets/${id}/inventory`, { inventory_id: last.id })),
    )
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, ...Array(49).fill(409)])
    expect(await stockOf(last.id)).toBe(0)
    const { results } = await testEnv.DB.prepare('SELECT * FROM service_inventory WHERE inventory_id = ?')
      .bind(last.id)
      .all()
    const winner = answers.find(({ status }) => status === 200)?.body.service_ticket.id
    expect(results).toEqual([
      { ticket_id: winner, inventory_id: last.id, name: last.name, price_cents: 4995, quantity: 1 },
    ])
    for (const { id } of tickets) {
      expect(await namesOf(id)).toEqual(['ticket.created', ...(id === winner ? ['ticket.part_added'] : [])])
    }
  })

  it('wanted and given back twenty times at once on one ticket counts once each', async () => {
    const ticket = await ticketFor()
    const { id } = await item({ quantity: 20 })
    const times = Array.from({ length: 20 })
    const added = await Promise.all(
      times.map(() =>
        mike.post(`/service-tickets/${ticket.id}/inventory`, { inventory_id: id, quantity: 3 }),
      ),
    )
    expect(added.map(({ status }) => status).toSorted()).toEqual([200, ...Array(19).fill(400)])
    expect(await stockOf(id)).toBe(17)
    const removed = await Promise.all(
      times.map(() => mike.delete(`/service-tickets/${ticket.id}/inventory/${id}`)),
    )
    expect(removed.map(({ status }) => status).toSorted()).toEqual([200, ...Array(19).fill(400)])
    expect(await stockOf(id)).toBe(20)
  })

  it('stays on the ticket when the item is deleted, and can be taken off', async () => {
    const ticket = await ticketFor()
    const gone = await item({ quantity: 1 })
    await mike.post(`/service-tickets/${ticket.id}/inventory`, { inventory_id: gone.id })
    await boss.delete(`/inventory/${gone.id}`)
    expect((await read(ticket.id)).parts).toEqual([
      { id: gone.id, name: gone.name, price: 49.95, quantity: 1 },
    ])
    const path = `/service-tickets/${ticket.id}/inventory/${gone.id}`
    expect((await mike.delete(path)).body.message).toBe(
      `Inventory item ${gone.name} removed from service ticket ${ticket.id}`,
    )
    expect(told(await mike.delete(path))).toEqual([404, 'Inventory item not found'])
  })

  it('needs an item and a quantity from one, all faults at once', async () => {
    const { id } = await ticketFor()
    const path = `/service-tickets/${id}/inventory`
    const wrong = { inventory_id: '1', quantity: 0, price: 1 }
    expect((await mike.post(path, wrong)).body.errors).toEqual({
      inventory_id: ['Not a valid integer.'],
      quantity: ['Must be greater than or equal to 1.'],
      price: ['Unknown field.'],
    })
    expect((await mike.post(path, {})).body.error).toBe('No input data provided')
    expect(told(await mike.post(path, { inventory_id: 999_999 }))).toEqual([400, 'Inventory item not found'])
    expect(told(await mike.post('/service-tickets/999999/inventory', wrong))).toEqual([
      404,
      'Service ticket not found',
    ])
    expect(told(await mike.delete(`${path}/99999999999999999999`))).toEqual([404, 'Inventory item not found'])
  })
})

describe('deleting a ticket', () => {
  it('gives its parts back, unless the work is done', async () => {
    const [open, done] = [await ticketFor({ mechanic_ids: [await mechanicNamed('X')] }), await ticketFor()]
    const [pads, grease] = [await item({ quantity: 10 }), await item()]
    for (const { id } of [open, done]) {
      for (const inventory_id of [pads.id, grease.id]) {
        await mike.post(`/service-tickets/${id}/inventory`, { inventory_id, quantity: 2 })
      }
    }
    await mike.put(`/service-tickets/${done.id}`, { status: 'in_progress' })
    await mike.put(`/service-tickets/${done.id}`, { status: 'completed' })
    expect(await stockOf(pads.id)).toBe(6)
    expect((await mike.delete(`/service-tickets/${open.id}/`)).body).toEqual({
      message: 'Service ticket deleted successfully',
    })
    expect(await stockOf(pads.id)).toBe(8)
    expect((await boss.delete(`/service-tickets/${done.id}`)).status).toBe(200)
    expect([await stockOf(pads.id), await stockOf(grease.id)]).toEqual([8, null])
    for (const table of ['service_inventory', 'service_mechanics']) {
      const left = `SELECT count(*) AS n FROM ${table} WHERE ticket_id IN (?, ?)`
      expect(await testEnv.DB.prepare(left).bind(open.id, done.id).first('n')).toBe(0)
    }
    expect((await namesOf(open.id)).at(-1)).toBe('ticket.deleted')
    expect(told(await mike.get(`/service-tickets/${open.id}`))).toEqual([404, 'Service ticket not found'])
    expect((await ticketFor()).id).toBeGreaterThan(done.id)
  })

  it('happens once, and its parts come back once', async () => {
    const ticket = await ticketFor()
    const { id } = await item({ quantity: 3 })
    await mike.post(`/service-tickets/${ticket.id}/inventory`, { inventory_id: id, quantity: 3 })
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => mike.delete(`/service-tickets/${ticket.id}`)),
    )
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, ...Array(19).fill(404)])
    expect(await stockOf(id)).toBe(3)
    expect((await namesOf(ticket.id)).filter((name) => name === 'ticket.deleted')).toHaveLength(1)
  })

  it('meanwhile is 404 for who works on it, and takes nothing from the stock', async () => {
    const id = await mechanicNamed('Late')
    const { id: part } = await item({ quantity: 1 })
    const works = [
      (path: string) => mike.put(`${path}/assign-mechanic/${id}`),
      (path: string) => mike.put(`${path}/edit`, { add_ids: [id] }),
      (path: string) => mike.post(`${path}/inventory`, { inventory_id: part }),
      (path: string) => mike.delete(`${path}/inventory/${part}`),
      (path: string) => mike.delete(path),
    ]
    for (const work of works) {
      const ticket = await ticketFor()
      const before = testEnv.DB.prepare('DELETE FROM service_tickets WHERE id = ?').bind(ticket.id)
      beforeRoundTrip(3, () => before.run())
      expect(told(await work(`/service-tickets/${ticket.id}`))).toEqual([404, 'Service ticket not found'])
      expect(await namesOf(ticket.id)).toEqual(['ticket.created'])
    }
    expect(await stockOf(part)).toBe(1)
  })
})

describe('who', () => {
  it('staff alone; a customer is refused before it is told what there is', async () => {
    const ticket = await ticketFor()
    const id = await mechanicNamed('Y')
    const { id: part } = await item({ quantity: 1 })
    for (const base of [`/service-tickets/${ticket.id}`, '/service-tickets/999999']) {
      for (const [person, status] of [
        [john, 403],
        [anonymous(), 401],
      ] as const) {
        const answers = [
          await person.put(`${base}/edit`, { add_ids: [id] }),
          await person.put(`${base}/assign-mechanic/${id}`),
          await person.put(`${base}/remove-mechanic/${id}`),
          await person.post(`${base}/inventory`, { inventory_id: part }),
          await person.delete(`${base}/inventory/${part}`),
          await person.delete(base),
        ]
        expect(answers.map((answer) => answer.status)).toEqual(Array(6).fill(status))
      }
    }
    expect(await read(ticket.id)).toEqual(ticket)
    expect(await stockOf(part)).toBe(1)
  })

  it('the ticket of a deleted customer can still be worked on', async () => {
    const passing = await customer()
    const ticket = await ticketFor({ customer_id: passing.id })
    await passing.delete(`/customers/${passing.id}`)
    const { id } = await item({ quantity: 1 })
    const added = await mike.post(`/service-tickets/${ticket.id}/inventory`, { inventory_id: id })
    expect(added.body.service_ticket).toMatchObject({ customer_id: null, customer: null, parts: [{ id }] })
    expect((await eventsOf(ticket.id)).at(-1)).toMatchObject({ event: 'ticket.part_added', subject_id: null })
  })
})

describe('a VIN', () => {
  it.each([
    ['1M8GDM9AXKP042788', true],
    ['11111111111111111', true],
    ['5GZCZ43D13S812715', true],
    ['1HGCM82633A004352', true],
    ['1M8GDM9A1KP042788', false],
    ['1M8GDM9AXKP042789', false],
    ['WVWZZZ1JZXW000001', false],
  ])('%s is taken whatever its check digit; a wrong one is a warning', async (vin, isRight) => {
    const ticket = await ticketFor({ vin: vin.toLowerCase() })
    expect([ticket.vin, ticket.warnings]).toEqual([
      vin,
      isRight ? undefined : { vin: ['The check digit does not match.'] },
    ])
    expect(await read(ticket.id)).toEqual(ticket)
  })
})

it('every answer of the work on tickets seen here is documented', async () => {
  expect(await undocumentedAnswers()).toEqual([])
})
