/** How much is measured: enough for steady figures, or just enough to see that everything runs. */

export interface Plan {
  readonly name: 'full' | 'quick'
  readonly cpuRounds: number
  readonly cpuRequests: number
  readonly signInRounds: number
  readonly rateRounds: number
  readonly rateSignIns: number
  readonly neighbourRounds: number
  readonly probes: number
  /** Customers in the small database and in the large one; each has five tickets. */
  readonly smallCustomers: number
  readonly largeCustomers: number
  readonly startUpRounds: number
}

export const FULL_PLAN: Plan = {
  name: 'full',
  cpuRounds: 60,
  cpuRequests: 125,
  signInRounds: 40,
  rateRounds: 9,
  rateSignIns: 24,
  neighbourRounds: 5,
  probes: 300,
  smallCustomers: 1_000,
  largeCustomers: 1_000_000,
  startUpRounds: 15,
}

export const QUICK_PLAN: Plan = {
  name: 'quick',
  cpuRounds: 12,
  cpuRequests: 125,
  signInRounds: 10,
  rateRounds: 2,
  rateSignIns: 12,
  neighbourRounds: 1,
  probes: 200,
  smallCustomers: 1_000,
  largeCustomers: 20_000,
  startUpRounds: 3,
}
