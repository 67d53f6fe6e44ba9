/**
 * Stands for `zod` in the bundle (wrangler.toml, `[alias]`): the same exports, but without `z` as one
 * value. @hono/zod-openapi takes hold of that value, and with it every language of zod's messages would
 * be bundled, parsed and run at each start. All that it needs of it is the class.
 */
// By path: inside the bundle the package's name leads here.
import { ZodType } from '../../node_modules/zod/v4/classic/schemas.js'

export * from '../../node_modules/zod/v4/classic/external.js'

export const z = { ZodType }
