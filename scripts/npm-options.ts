/**
 * Refuses to work when npm has taken options for its own, as it does without a first `--`: the command would then
 * work on the local database or keys in the place of the deployed ones.
 */
export function refuseSwallowedOptions(script: string, names: readonly string[]): void {
  const swallowed = names.filter((name) => `npm_config_${name.replaceAll('-', '_')}` in process.env)
  if (swallowed.length === 0) return
  const options = swallowed.map((name) => `--${name}`).join(' and ')
  throw new Error(`npm took ${options} for itself; nothing was done. It passes on what follows a "--":
  npm run ${script} -- COMMAND ${options}`)
}
