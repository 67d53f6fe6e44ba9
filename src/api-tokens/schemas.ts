/** API tokens as they are asked for and shown. */
import * as z from 'zod'
import { PERMISSIONS } from '../access/roles.ts'
import { permissionSchema } from '../access/schemas.ts'
import { nameField } from '../accounts/schemas.ts'
import { isoTime } from '../platform/iso-time.ts'
import { once } from '../platform/once.ts'
import type { ListedApiToken } from './queries.ts'

const scopesField = z
  .array(permissionSchema)
  .min(1, 'Shorter than minimum length 1.')
  .max(PERMISSIONS.length)
  .refine((scopes) => new Set(scopes).size === scopes.length, 'Must not name anything twice.')

export const newApiTokenSchema = z
  .strictObject({
    name: nameField,
    scopes: scopesField.meta({ description: 'What the token may do, as long as your role may' }),
    expires_in_days: z.int().min(1).max(365),
  })
  .meta({ id: 'NewApiToken' })

const members = {
  id: z.string(),
  name: z.string(),
  scopes: z.array(permissionSchema),
  created_at: z.iso.datetime(),
  expires_at: z.iso.datetime(),
  last_used_at: z.iso.datetime().nullable().meta({ description: 'Up to five minutes late' }),
}

export const apiTokenSchema = once(() => z.object(members).meta({ id: 'ApiToken' }))

export const createdApiTokenSchema = once(() =>
  z
    .object({
      ...members,
      token: z.string().meta({ description: 'Shown this once; send it as `Authorization: Bearer <token>`' }),
    })
    .meta({ id: 'CreatedApiToken' }),
)

export const API_TOKEN_EXAMPLE = {
  id: '5d1f0c9a7b3e2864f0a1c2d3',
  name: 'Accounting export',
  scopes: ['customers:read', 'tickets:read'],
  created_at: '2026-01-15T10:00:00.000Z',
  expires_at: '2026-04-15T10:00:00.000Z',
  last_used_at: null,
}

export function showApiToken(row: ListedApiToken): z.infer<ReturnType<typeof apiTokenSchema>> {
  return {
    id: row.id,
    name: row.name,
    scopes: JSON.parse(row.scopes),
    created_at: isoTime(row.createdAt),
    expires_at: isoTime(row.expiresAt),
    last_used_at: row.lastUsedAt === null ? null : isoTime(row.lastUsedAt),
  }
}
