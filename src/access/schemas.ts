/** Roles and permissions as they are sent and shown, by name: a generated client has one type of each. */
import * as z from 'zod'
import { PERMISSIONS, ROLES } from './roles.ts'

export const roleSchema = z.enum(ROLES).meta({ id: 'Role' })

export const permissionSchema = z.enum(PERMISSIONS).meta({ id: 'Permission' })
