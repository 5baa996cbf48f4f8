import type { JsonObject, Operation, VendorUsage } from '@litegen/plugin-sdk';
import { isSunset, type Model, type Plan, type PriceComponent, type PriceEstimate, planRequest } from '../../domain/catalog/index.js';
import { ApiError, Fraction, formatUsd, type Micros } from '../../platform/common/index.js';
import { quoteRequest, settleRequest } from './costs.service.js';
import type { CostComponent, PricedRequest, SettledCost } from './costs.types.js';
import type { PriceCase, PriceStatement } from './price-fixtures.schema.js';
import { conditionHolds } from './quantities.policy.js';

/** One published figure beside ours; all amounts in US dollars as decimal strings. */
export interface PriceCheck {
  readonly model: string;
  readonly operation: Operation;
  readonly case: string;
  readonly kind: 'quote' | 'settlement';
  /** Null: the vendor publishes none. */
  readonly publishedUsd: string | null;
  /** Null: refused. */
  readonly oursUsd: string | null;
  readonly heldUsd: string | null;
  /** Ours less the published one, with its sign. */
  readonly differenceUsd: string | null;
  readonly agrees: boolean;
  /** What is wrong when it does not agree. */
  readonly problem: string | null;
  readonly source: string | null;
  readonly checked: string | null;
  readonly confidence: PriceStatement['confidence'] | 'unpublished';
}

export interface PriceAudit {
  readonly checks: readonly PriceCheck[];
  /** What no fixture covers, and fixtures of models that do not exist. */
  readonly gaps: readonly string[];
  /** Pairs of a model and an operation that fixtures cover. */
  readonly covered: number;
}

/**
 * Compares the prices of models with what their vendors publish, and finds what no published figure covers. Models that were switched
 * off by `now` do not count.
 */
export function auditPrices(models: readonly Model[], statements: readonly PriceStatement[], now: Date): PriceAudit {
  const coverage = new Map(models.filter((model) => !isSunset(model, now)).map((model) => [model.id, new Coverage(model)]));
  const checks: PriceCheck[] = [];
  const gaps: string[] = [];
  for (const statement of statements) {
    for (const id of statement.models) {
      const covered = coverage.get(id);
      if (covered !== undefined) checks.push(...statement.cases.map((one) => checkCase(covered, statement, one)));
      else if (models.every((model) => model.id !== id)) gaps.push(`${id}: has a price fixture, but is no model`);
    }
  }
  for (const one of coverage.values()) gaps.push(...one.gaps());
  return { checks, gaps, covered: [...coverage.values()].reduce((sum, { operations }) => sum + operations.size, 0) };
}

/** What the fixtures of one model have touched. */
class Coverage {
  readonly operations = new Set<Operation>();
  private readonly ways = new Set<string>();
  private readonly components = new Set<PriceComponent>();
  private readonly estimates = new Set<PriceEstimate>();

  constructor(readonly model: Model) {}

  see(request: PricedRequest, kind: PriceCheck['kind'], lines: readonly CostComponent[]): void {
    const { media_type: media, pricing } = this.model;
    this.operations.add(request.operation);
    this.ways.add(request.inputRoles.includes('mask') ? 'inpainting' : `${request.inputRoles.length > 0 ? 'image' : 'text'}_to_${media}`);
    const billed = new Set(lines.filter(({ billableQuantity }) => billableQuantity !== '0').map(({ unit }) => unit));
    for (const component of firstOfEachUnit(pricing?.components ?? [], request))
      if (billed.has(component.unit)) this.components.add(component);
    if (kind === 'settlement') return;
    for (const estimate of firstOfEachUnit(pricing?.estimates ?? [], request)) this.estimates.add(estimate);
  }

  gaps(): string[] {
    const { id, operations, capabilities, pricing, ref_inputs: inputs } = this.model;
    const needsInputs = Object.values(inputs?.roles ?? {}).some(({ required, min_count: least }) => required || least > 0);
    const ways = Object.entries(capabilities).flatMap(([way, isOffered]) =>
      isOffered === true && !(needsInputs && way.startsWith('text_')) ? [way] : [],
    );
    return [
      ...operations.filter((operation) => !this.operations.has(operation)),
      ...ways.filter((way) => !this.ways.has(way)),
      ...(pricing?.components ?? []).flatMap((one, index) =>
        this.components.has(one) ? [] : [`pricing.components[${index}]${told(one)}`],
      ),
      ...(pricing?.estimates ?? []).flatMap((one, index) => (this.estimates.has(one) ? [] : [`pricing.estimates[${index}]${told(one)}`])),
    ].map((what) => `${id}: no price fixture covers ${what}`);
  }
}

function firstOfEachUnit<Item extends PriceComponent | PriceEstimate>(items: readonly Item[], request: PricedRequest): Item[] {
  const units = new Set<string>();
  return items.filter(({ unit, when }) => {
    if (units.has(unit) || !conditionHolds(when, request)) return false;
    units.add(unit);
    return true;
  });
}

function told({ unit, when }: PriceComponent | PriceEstimate): string {
  return ` (${unit}${when === undefined ? '' : ` when ${JSON.stringify(when)}`})`;
}

type Figures = Pick<PriceCheck, 'oursUsd' | 'heldUsd' | 'differenceUsd' | 'problem'>;

function checkCase(coverage: Coverage, statement: PriceStatement, one: PriceCase): PriceCheck {
  const { model } = coverage;
  const told = {
    model: model.id,
    case: one.name ?? describeCase(one),
    kind: one.reported === undefined ? ('quote' as const) : ('settlement' as const),
    publishedUsd: one.usd ?? null,
    source: statement.source ?? null,
    checked: statement.checked ?? null,
    confidence: statement.published === undefined ? ('unpublished' as const) : statement.confidence,
  };
  let operation = one.operation ?? model.operations[0] ?? 'image.generate';
  let figures: Figures;
  try {
    const plan = planOf(model, operation, one);
    operation = plan.operation;
    const request = { ...plan, inputRoles: plan.references.map(({ role }) => role) };
    figures = one.reported === undefined ? quoted(request, one, coverage) : settled(request, one, coverage);
    if (one.refused !== undefined) figures = { ...figures, problem: `is not refused with ${one.refused}` };
  } catch (error) {
    const code = error instanceof ApiError ? error.code : undefined;
    const problem = code !== undefined && code === one.refused ? null : String(error instanceof Error ? error.message : error);
    figures = { oursUsd: null, heldUsd: null, differenceUsd: null, problem };
  }
  return { ...told, ...figures, operation, agrees: figures.problem === null };
}

function quoted(request: PricedRequest, one: PriceCase, coverage: Coverage): Figures {
  const { amountMicros, ceilingMicros, exact, components } = quoteRequest(request, 0);
  coverage.see(request, 'quote', components);
  const mustBeExact = one.usd !== undefined && !one.estimate;
  const heldUsd = one.held_usd ?? (mustBeExact && one.tolerance_usd === undefined ? one.usd : undefined);
  const problem =
    mustBeExact === exact
      ? (amountProblem(amountMicros, one) ?? heldProblem(ceilingMicros, heldUsd))
      : `is ${exact ? 'exact' : 'only an estimate'}`;
  return { ...compared(amountMicros, one), heldUsd: formatUsd(ceilingMicros), problem };
}

function settled(request: PricedRequest, one: PriceCase, coverage: Coverage): Figures {
  const { outputs = 0, usage, cost_usd: costUsd } = one.reported ?? {};
  const { costMicros, source, components }: SettledCost = settleRequest(
    request,
    { outputs, costUsd, usage: usage as VendorUsage | undefined },
    0,
  );
  coverage.see(request, 'settlement', components);
  const problem = one.settled_by === undefined || one.settled_by === source ? amountProblem(costMicros, one) : `is settled by ${source}`;
  return { ...compared(costMicros, one), heldUsd: null, problem };
}

function compared(oursMicros: Micros, { usd }: PriceCase): Pick<Figures, 'oursUsd' | 'differenceUsd'> {
  if (usd === undefined) return { oursUsd: formatUsd(oursMicros), differenceUsd: null };
  const difference = oursMicros - Fraction.parse(usd).toMicros();
  return { oursUsd: formatUsd(oursMicros), differenceUsd: `${difference < 0 ? '-' : ''}${formatUsd(Math.abs(difference))}` };
}

function amountProblem(oursMicros: Micros, { usd, tolerance_usd: tolerance = '0' }: PriceCase): string | null {
  if (usd === undefined) return null;
  const difference = Math.abs(oursMicros - Fraction.parse(usd).toMicros());
  return difference <= Fraction.parse(tolerance).toMicros() ? null : `is ${formatUsd(oursMicros)}, published is ${usd}`;
}

function heldProblem(heldMicros: Micros, usd: string | undefined): string | null {
  return usd === undefined || Fraction.parse(usd).toMicros() === heldMicros ? null : `holds ${formatUsd(heldMicros)} instead of ${usd}`;
}

/** @throws ApiError for a request that the model does not take */
function planOf(model: Model, operation: Operation, { n, params, references, extra }: PriceCase): Plan {
  const input = {
    operation,
    prompt: 'a red boat',
    n,
    params,
    references: references.map((role) => ({ role })),
    extra: extra as JsonObject | undefined,
    unknown: {},
    gateway: [],
  };
  return planRequest(model, input, { strict: true });
}

function describeCase({ n, params, references, extra, reported }: PriceCase): string {
  const asked = Object.entries({ ...params, ...extra }).map(([name, value]) =>
    name === 'size' ? String(value) : `${name} ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`,
  );
  const roles = [...new Set(references)].map((role) => `${references.filter((one) => one === role).length} ${role}`);
  const told = Object.entries(reported?.usage ?? {}).map(([name, count]) => `${count} ${name}`);
  const outputs = reported === undefined ? [] : [`delivered ${reported.outputs}`, ...told];
  const cost = reported?.cost_usd === undefined ? [] : [`told ${reported.cost_usd}`];
  const parts = [...(n === undefined ? [] : [`n ${n}`]), ...asked, ...roles, ...outputs, ...cost];
  return parts.length === 0 ? 'as it is' : parts.join(', ');
}
