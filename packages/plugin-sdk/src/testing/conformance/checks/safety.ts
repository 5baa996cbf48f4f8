import { inspect } from 'node:util';
import { transfersAllow } from '../../egress.js';
import { FAULT_CASES } from '../fault-cases.js';
import { Rig, submitIndex, type Trial } from '../rig.js';
import { type CheckOutcome, type ConformanceCheck, type ConformanceSetup, demand } from '../setup.js';
import { strained } from './faults.js';

export function safetyChecks(setup: ConformanceSetup): ConformanceCheck[] {
  return [
    { name: 'secrets: never appear in errors, logs, warnings, events or operations', run: () => Rig.use(setup, checkSecrets) },
    { name: 'egress: no request leaves the declared egress or goes past call.fetch', run: () => Rig.use(setup, checkEgress) },
  ];
}

/** Calls the plugin in every way and under every fault; what it left behind is in `rig.trials`. */
async function exercise(rig: Rig): Promise<void> {
  for (const sample of rig.samples()) {
    rig.front.reset();
    const healthy = await rig.start(sample);
    const submit = healthy.call.requests.some((request) => request.submits) ? submitIndex(healthy) : 0;
    const operation = 'value' in healthy.outcome && healthy.outcome.value.state === 'started' ? healthy.outcome.value.operation : undefined;
    if (operation !== undefined) await rig.status(sample, operation);
    for (const fault of FAULT_CASES) {
      const play = (passed: number): void =>
        rig.front.play(
          fault.fault((status) => rig.errorBody(status)),
          passed,
        );
      play(submit);
      await rig.start(sample, strained(fault));
      play(0);
      if (operation !== undefined) await rig.status(sample, operation, strained(fault));
    }
    rig.front.reset();
    if (operation !== undefined && rig.instance()[sample.media]?.cancel !== undefined) await rig.cancel(sample, operation);
  }
  if (rig.instance().check === undefined) return;
  await rig.credential();
  rig.front.play({ kind: 'status', status: 401, body: rig.errorBody(401) });
  await rig.credential();
}

/** The forms in which a secret shows up by accident. */
function formsOf(secret: string): string[] {
  return [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64').replace(/=+$/, '')];
}

function leftBehind({ call, outcome }: Trial<unknown>): [string, unknown][] {
  const left: [string, unknown][] = [
    ['its logs', call.logs],
    ['its warnings', call.warnings],
    ['its events', call.events],
  ];
  if ('error' in outcome) left.push(['its error', outcome.error]);
  else if (typeof outcome.value === 'object' && outcome.value !== null && 'operation' in outcome.value)
    left.push(['its operation', outcome.value]);
  return left;
}

async function checkSecrets(rig: Rig): Promise<CheckOutcome> {
  const secrets = Object.entries(rig.secrets).filter(([, value]) => value.length >= 6);
  if (secrets.length === 0) return 'not_applicable';
  await exercise(rig);
  const setupLogs = rig.setupLogs.map((log) => ['create()', 'its logs', log] as const);
  const found = rig.trials.flatMap((trial) => leftBehind(trial).map(([where, value]) => [trial.what, where, value] as const));
  for (const [what, where, value] of [...setupLogs, ...found]) {
    const text = inspect(value, {
      depth: 20,
      showHidden: true,
      maxStringLength: null,
      maxArrayLength: null,
      breakLength: Number.POSITIVE_INFINITY,
    });
    for (const [name, secret] of secrets) {
      demand(!formsOf(secret).some((form) => text.includes(form)), `${what} shows the secret "${name}" in ${where}`);
    }
  }
  return 'passed';
}

async function checkEgress(rig: Rig): Promise<CheckOutcome> {
  await exercise(rig);
  demand(rig.sightings.length === 0, `the plugin went past call.fetch to ${[...new Set(rig.sightings)].join(', ')}`);
  for (const { what, call, outcome } of rig.trials) {
    const refused = call.refused[0];
    demand(refused === undefined, `${what} called ${refused?.url}, which is not under call.apiBase`);
    for (const url of outputUrls(outcome)) {
      const allowed = transfersAllow(rig.manifest, url, rig.apiBase);
      demand(
        allowed,
        `${what} answered with ${url.origin}, which the gateway may not download from: it is in neither transfers nor egress of the manifest`,
      );
    }
  }
  return 'passed';
}

function outputUrls(outcome: Trial<unknown>['outcome']): URL[] {
  const value = 'value' in outcome ? (outcome.value as { outputs?: unknown } | undefined) : undefined;
  const outputs = Array.isArray(value?.outputs) ? (value.outputs as { media?: { url?: unknown } }[]) : [];
  return outputs.flatMap(({ media }) => (typeof media?.url === 'string' && URL.canParse(media.url) ? [new URL(media.url)] : []));
}
