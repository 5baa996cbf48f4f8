import type { CancelResult, Charged, Json, JsonObject, ProviderErrorCode } from '@litegen/plugin-sdk';
import { PROVIDER_ERROR_CODES, ProviderError } from '@litegen/plugin-sdk';

/** When a failure happens: at the submit, while the accepted work runs, or when its status is asked for. */
export type FailurePoint = 'start' | 'run' | 'poll';

export type Failure = {
  code: ProviderErrorCode;
  charged: Charged;
  at: FailurePoint;
  message: string;
  /** How often, before it works. Absent: always. */
  times?: number;
  retryAfterMs?: number;
  param?: string;
  vendorStatus?: number;
  vendorCode?: string;
};

/** What a request asks the played vendor to do; plain JSON, so that an operation can carry it. */
export type Controls = {
  /** How long the work takes, milliseconds. Absent: the operator's `latency_ms`. */
  latencyMs?: number;
  progress: boolean;
  /** Absent: as the medium does by itself. */
  mode?: 'sync' | 'async';
  fail?: Failure;
  drop: boolean;
  hang?: 'start' | 'poll';
  /** The word with which an operation answers instead of finishing; `pending` is the known one. */
  status?: string;
  cancel?: CancelResult;
  /** Whether cancelled work is billed. */
  cancelCharged: Charged;
  /** How many outputs are delivered. */
  outputs?: number;
  corrupt: boolean;
  revise: boolean;
  /** US dollars, a decimal string. */
  cost?: string;
};

const FLAGS = ['progress', 'async', 'sync', 'drop', 'hang', 'corrupt', 'revise'];
const FAILURE_DETAILS = ['times', 'retry_after', 'param', 'vendor_status', 'vendor_code', 'message'];
const VALUES = ['latency', 'fail', 'at', 'charged', 'status', 'cancel', 'outputs', 'cost', ...FAILURE_DETAILS];
const MAX_LATENCY_MS = 3_600_000;

function refuse(message: string): never {
  throw new ProviderError('invalid_request', message, { param: 'prompt' });
}

/** The prompt without its `[mock …]` directives, and those as names and values; a name without a value has `yes`. */
export function splitPrompt(prompt: string): { text: string; directives: Map<string, string> } {
  const directives = new Map<string, string>();
  const text = prompt.replace(/\[mock\b((?:"[^"]*"|[^\]"])*)\]/gi, (_, body: string) => {
    for (const match of body.matchAll(/([^\s=]+)(?:=(?:"([^"]*)"|(\S*)))?/g)) {
      directives.set((match[1] ?? '').toLowerCase(), match[2] ?? match[3] ?? 'yes');
    }
    return ' ';
  });
  return { text: text.replace(/\s+/g, ' ').trim(), directives };
}

function addExtra(directives: Map<string, string>, value: Json | undefined): void {
  if (value === undefined || value === null) return;
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw new ProviderError('invalid_request', 'extra.mock is an object of directives', { param: 'extra.mock' });
  }
  for (const [name, member] of Object.entries(value)) {
    if (member === true) directives.set(name, 'yes');
    else if (member === false || member === null) directives.delete(name);
    else directives.set(name, typeof member === 'object' ? JSON.stringify(member) : String(member));
  }
}

function readOneOf<Value extends string>(name: string, value: string | undefined, allowed: readonly Value[]): Value | undefined {
  if (value === undefined) return undefined;
  return allowed.find((candidate) => candidate === value) ?? refuse(`[mock ${name}=…] is one of ${allowed.join(', ')}, not "${value}"`);
}

/** `250ms`, `1.5s` or seconds without a unit, as milliseconds. */
function readDuration(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s)?$/.exec(value) ?? [];
  const milliseconds = amount === undefined ? Number.NaN : Math.round(Number(amount) * (unit === 'ms' ? 1 : 1000));
  return milliseconds <= MAX_LATENCY_MS ? milliseconds : refuse(`[mock ${name}=…] is a time up to an hour, such as 250ms or 5s`);
}

function readCount(name: string, value: string | undefined, max: number): number | undefined {
  if (value === undefined) return undefined;
  return /^\d{1,9}$/.test(value) && Number(value) <= max ? Number(value) : refuse(`[mock ${name}=…] is a whole number up to ${max}`);
}

function readFailure(directives: ReadonlyMap<string, string>): Failure | undefined {
  const code = readOneOf('fail', directives.get('fail'), PROVIDER_ERROR_CODES);
  if (code === undefined) {
    const orphan = FAILURE_DETAILS.find((name) => directives.has(name));
    if (orphan !== undefined) refuse(`[mock ${orphan}=…] only goes with fail`);
    return undefined;
  }
  return {
    code,
    charged: readOneOf('charged', directives.get('charged'), ['no', 'yes', 'unknown'] as const) ?? 'no',
    at: readOneOf('at', directives.get('at'), ['start', 'run', 'poll'] as const) ?? 'start',
    message: directives.get('message') ?? `the mock vendor was told to fail with ${code}`,
    times: readCount('times', directives.get('times'), 1000),
    retryAfterMs: readDuration('retry_after', directives.get('retry_after')),
    param: directives.get('param'),
    vendorStatus: readCount('vendor_status', directives.get('vendor_status'), 599),
    vendorCode: directives.get('vendor_code'),
  };
}

function isOn(directives: ReadonlyMap<string, string>, name: string): boolean {
  return readOneOf(name, directives.get(name), ['yes', 'no', 'true', 'false'] as const)?.match(/yes|true/) != null;
}

/**
 * Reads the directives of a prompt and of `extra.mock`, which wins.
 * `n` is how many outputs are wanted.
 * @throws ProviderError `invalid_request` for a directive that is unknown or cannot be followed.
 */
export function readControls(prompt: string, extra: JsonObject, n: number): { text: string; controls: Controls } {
  const { text, directives } = splitPrompt(prompt);
  addExtra(directives, extra['mock']);
  for (const name of directives.keys()) {
    if (!FLAGS.includes(name) && !VALUES.includes(name)) refuse(`the mock vendor does not know the directive "${name}"`);
  }
  const async = isOn(directives, 'async');
  const sync = isOn(directives, 'sync');
  if (async && sync) refuse('[mock async] and [mock sync] exclude each other');
  const hang = isOn(directives, 'hang');
  const fail = readFailure(directives);
  if (directives.has('at') && fail === undefined && !hang) refuse('[mock at=…] only goes with fail or hang');
  if (directives.has('charged') && fail === undefined && !directives.has('cancel')) {
    refuse('[mock charged=…] only goes with fail or cancel');
  }
  const cost = directives.get('cost');
  if (cost !== undefined && !/^\d+(\.\d+)?$/.test(cost)) refuse('[mock cost=…] is an amount of US dollars such as 0.04');
  const cancel = readOneOf('cancel', directives.get('cancel'), ['cancelled', 'too_late', 'unsupported'] as const);
  const status = directives.get('status');
  const needsOperation = status !== undefined || cancel !== undefined || directives.get('at') === 'poll';
  if (sync && needsOperation) refuse('[mock sync] leaves no operation to ask about');
  const controls: Controls = {
    latencyMs: readDuration('latency', directives.get('latency')),
    progress: isOn(directives, 'progress'),
    mode: async || needsOperation ? 'async' : sync ? 'sync' : undefined,
    fail,
    drop: isOn(directives, 'drop'),
    hang: hang ? (readOneOf('at', directives.get('at'), ['start', 'poll'] as const) ?? 'start') : undefined,
    status,
    cancel,
    cancelCharged: readOneOf('charged', directives.get('charged'), ['no', 'yes', 'unknown'] as const) ?? 'no',
    outputs: readCount('outputs', directives.get('outputs'), n),
    corrupt: isOn(directives, 'corrupt'),
    revise: isOn(directives, 'revise'),
    cost,
  };
  return { text, controls: JSON.parse(JSON.stringify(controls)) as Controls };
}
