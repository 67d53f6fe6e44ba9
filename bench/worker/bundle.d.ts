/** The bundle that wrangler made, put beside the entry when it is served (harness/served-worker.ts). */
declare module '*/index.js' {
  const worker: ExportedHandler<Record<string, unknown>>
  export default worker
}
