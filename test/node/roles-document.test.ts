/** docs/roles.md is what the table of roles and permissions says. */
import { expect, it } from 'vitest'
import { rolesDocument } from '../support/roles-document.ts'

it('S117: docs/roles.md is made from the table that decides', async () => {
  await expect(rolesDocument()).toMatchFileSnapshot('../../docs/roles.md')
})
