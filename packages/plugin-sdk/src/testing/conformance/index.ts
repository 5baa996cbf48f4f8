import { answerChecks } from './checks/answers.js';
import { contractChecks } from './checks/contract.js';
import { faultChecks } from './checks/faults.js';
import { fuzzChecks } from './checks/fuzz.js';
import { lifeCycleChecks } from './checks/life-cycle.js';
import { safetyChecks } from './checks/safety.js';
import { webhookChecks } from './checks/webhooks.js';
import type { CheckOutcome, ConformanceCheck, ConformanceSetup } from './setup.js';

export {
  type CheckOutcome,
  type ConformanceCheck,
  ConformanceFailure,
  type ConformanceSetup,
  type ConformanceVendor,
  type RunningVendor,
} from './setup.js';

export interface ConformanceReport {
  /** Whether no check failed. */
  readonly passed: boolean;
  readonly checks: readonly { readonly name: string; readonly outcome: CheckOutcome | 'failed'; readonly error?: Error }[];
}

/** Every promise of the plugin contract, as checks for any test runner. */
export function conformanceChecks(setup: ConformanceSetup): ConformanceCheck[] {
  const kinds = [contractChecks, lifeCycleChecks, faultChecks, answerChecks, safetyChecks, webhookChecks, fuzzChecks];
  return kinds.flatMap((checks) => checks(setup));
}

/** Runs every check, one after the other. Never throws for a failed check. */
export async function runConformance(setup: ConformanceSetup): Promise<ConformanceReport> {
  const checks: { name: string; outcome: CheckOutcome | 'failed'; error?: Error }[] = [];
  for (const { name, run } of conformanceChecks(setup)) {
    try {
      checks.push({ name, outcome: await run() });
    } catch (error) {
      checks.push({ name, outcome: 'failed', error: error instanceof Error ? error : new Error(String(error)) });
    }
  }
  return { passed: checks.every(({ outcome }) => outcome !== 'failed'), checks };
}

/** `describe` and `it` of Vitest, Jest or `node:test`. */
export interface TestRunner {
  describe(name: string, define: () => void): unknown;
  it(name: string, run: () => Promise<void>): unknown;
}

/** Registers every check as a test. */
export function conformance(name: string, setup: ConformanceSetup, { describe, it }: TestRunner): void {
  describe(`${name} keeps the plugin contract`, () => {
    for (const check of conformanceChecks(setup)) {
      it(check.name, async () => {
        await check.run();
      });
    }
  });
}
