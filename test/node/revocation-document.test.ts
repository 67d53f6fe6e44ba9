/** docs/revocation.md is what the list says that the tests of the revocation contract run. */
import { expect, it } from 'vitest'
import { revocationDocument } from '../support/revocation-contract.ts'

it('docs/revocation.md is made from the tested list', async () => {
  await expect(revocationDocument()).toMatchFileSnapshot('../../docs/revocation.md')
})
