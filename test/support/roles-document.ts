/** docs/roles.md, made from the table that decides; so this file has no import that only the Workers runtime knows. */
import { meaningOf, PERMISSIONS, ROLE_MEANINGS, ROLES, reachOf } from '../../src/access/roles.ts'

/** The document, whole. */
export function rolesDocument(): string {
  const row = (cells: string[]) => `|${cells.map((cell) => (cell === '' ? ' ' : ` ${cell} `)).join('|')}|`
  const roles = ROLES.map((role) => row([`\`${role}\``, ROLE_MEANINGS[role]]))
  const permissions = PERMISSIONS.map((permission) =>
    row([
      `\`${permission}\``,
      meaningOf(permission),
      ...ROLES.map((role) => reachOf(role, permission) ?? ''),
    ]),
  )
  return `# Roles and permissions

A role is a set of permissions. \`own\` reaches what is one's own, \`any\` everybody's; what is not listed is denied. Role and
status are read from the database on every request, so a change acts on the next one.

| role | who it is for |
|---|---|
${roles.join('\n')}

| permission | what it allows | ${ROLES.join(' | ')} |
|---|---|${ROLES.map(() => '---|').join('')}
${permissions.join('\n')}

One pure function decides over this table (\`src/access/decide.ts\`). Every operation declares in \`/openapi.json\` what it needs (\`security\` and
\`x-permission\`), and the Worker does not start if an operation has no guard or declares another permission than its guard asks for. Which role
gets which answer from which operation is one table, which the tests run (\`test/threats/access-matrix.test.ts\`). \`GET /auth/me\` lists what the token at
hand may do, and \`POST /admin/access/explain\` tells an admin why somebody may or may not do something.

This file is made from \`src/access/roles.ts\`: \`npx vitest run --project node test/node/roles-document.test.ts -u\`.
`
}
