// What may import what. docs/architecture.md tells why; `npm run check` fails when a rule is broken.

/** A feature may build on those before it: whoever reads one needs to know only what stands to its left. */
const FEATURES = [
  'audit',
  'keys',
  'outbox',
  'access',
  'accounts',
  'notices',
  'limits',
  'api-tokens',
  'sessions',
  'mfa',
  'passwords',
  'sign-in',
  'profile',
  'customers',
  'mechanics',
  'admin',
  'inventory',
  'service-tickets',
  'personal-data',
  'web',
]

/** Files that speak HTTP. Queries and tables are below them. */
const HTTP_FILES = '(routes|schemas|guard|middleware)[.]ts$'

const oneOf = (names) => `(${names.join('|')})`

const rules = [
  {
    name: 'no-circular-imports',
    comment: 'Files that need each other are one file, or hide a third one.',
    from: {},
    to: { circular: true },
  },
  {
    name: 'only-app-mounts-routes',
    comment: 'What two routes share belongs into a file that is named for it.',
    from: { pathNot: '^src/app[.]ts$' },
    to: { path: '^src/.*[/-]routes[.]ts$' },
  },
  {
    name: 'crypto-stands-alone',
    comment: 'src/crypto can be reviewed without reading anything else.',
    from: { path: '^src/crypto/' },
    to: {
      pathNot: [
        '^src/crypto/',
        '^(node:)?crypto$',
        'node_modules/(@noble/hashes|zod|hono/dist/(types/)?(middleware/jwt|utils/jwt))',
      ],
    },
  },
  {
    name: 'platform-knows-no-feature',
    from: { path: '^src/platform/' },
    to: { path: '^src/', pathNot: '^src/(platform|crypto)/' },
  },
  {
    name: 'source-knows-no-test-or-script',
    from: { path: '^src/' },
    to: { path: '^(test|scripts|client)/' },
  },
  {
    name: 'client-stands-alone',
    comment: 'It is used outside of this repository, and knows the API by its document only.',
    from: { path: '^client/' },
    to: { pathNot: ['^client/', 'node_modules/openapi-fetch/'] },
  },
  {
    name: 'imports-exist',
    from: {},
    to: { couldNotResolve: true, pathNot: '^cloudflare:' },
  },
]

for (const [position, feature] of FEATURES.entries()) {
  const earlier = FEATURES.slice(0, position)
  rules.push({
    name: `${feature}-queries-build-on-earlier-features`,
    from: { path: `^src/${feature}/(queries|tables)[.]ts$` },
    to: { path: '^src/', pathNot: `^src/${oneOf(['platform', 'crypto', feature, ...earlier])}/` },
  })
  rules.push({
    name: `${feature}-queries-know-no-http`,
    from: { path: `^src/${feature}/(queries|tables)[.]ts$` },
    to: { path: `^src/${oneOf([feature, ...earlier])}/${HTTP_FILES}` },
  })
}

module.exports = {
  forbidden: rules.map((rule) => ({ severity: 'error', ...rule })),
  options: {
    // TypeScript 7 has no API to parse with. Without @swc/core there is no parser at all, and no error either:
    // scripts/check.ts compares the number of modules seen here with the number of files.
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['workerd', 'import', 'default'] },
  },
}
