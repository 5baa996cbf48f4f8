import type { Json, JsonObject } from '@litegen/plugin-sdk';
import { ApiError, type ErrorCode } from '../../../platform/common/index.js';
import type { Model } from '../model.js';
import type { PlanInput, PlannedReference, PlanParams, Receipt } from './plan.types.js';

type Writable<T> = { -readonly [Key in keyof T]: T[Key] extends readonly (infer Item)[] ? Item[] : T[Key] };

/** Receipts are kept, so a value that may be a whole file is named but not repeated. */
function isShort(value: unknown): boolean {
  return value === null || typeof value === 'number' || typeof value === 'boolean' || (typeof value === 'string' && value.length <= 200);
}

/** Names are the caller's and end up in a header. */
function headerSafe(name: string): string {
  return name.slice(0, 100).replace(/[^\w.[\]-]/g, '?');
}

/** A plan in the making: what the checks of one request share. */
export class Draft {
  readonly params: Record<string, unknown> = {};
  readonly references: PlannedReference[] = [];
  readonly droppedReferences: number[] = [];
  readonly extra: JsonObject = {};
  readonly droppedParams: string[] = [];
  readonly problems: ApiError[] = [];
  readonly receipt: Writable<Receipt> = { applied: [], mapped: [], emulated: [], dropped: [], unverified: [], rejected: [] };

  constructor(
    readonly model: Model,
    readonly input: PlanInput,
    readonly strict: boolean,
    private readonly collect: boolean,
  ) {}

  /** @throws ApiError unless problems are collected. */
  reject(code: ErrorCode, param: string, message: string, accepted?: readonly (string | number)[]): void {
    const error = new ApiError(code, message, { param, model: this.model.id, ...(accepted === undefined ? {} : { accepted }) });
    if (!this.collect) throw error;
    this.problems.push(error);
    this.receipt.rejected.push({ param, code, message });
  }

  apply(name: string, value: unknown): void {
    this.params[name] = value;
    this.receipt.applied.push(this.fieldOf(name));
  }

  map(param: string, from: unknown, to: Json, reason: string): void {
    this.receipt.mapped.push({ param, from: from as Json, to, reason });
  }

  drop(param: string, value: unknown, reason: string): void {
    this.droppedParams.push(headerSafe(param));
    this.receipt.dropped.push({ param, ...(isShort(value) ? { value: value as Json } : {}), reason });
  }

  /** Drops what was applied before something else was looked at. */
  retract(name: string, reason: string): void {
    const field = this.fieldOf(name);
    this.receipt.applied.splice(this.receipt.applied.indexOf(field), 1);
    this.drop(field, this.params[name], reason);
    delete this.params[name];
  }

  /** A parameter as the caller wrote it. */
  fieldOf(name: string): string {
    return this.input.fieldNames?.[name] ?? name;
  }

  /** The field of a reference as the caller wrote it. */
  referenceName(index: number): string {
    return this.input.references[index]?.param ?? `reference_images[${index}]`;
  }

  /** @param name LiteGen's name in the dropped list */
  dropReference(index: number, name: string, reason: string): void {
    this.droppedReferences.push(index);
    this.droppedParams.push(headerSafe(name));
    this.receipt.dropped.push({ param: this.referenceName(index), reason });
  }

  /** Whether the caller asked for a parameter. */
  asks(name: string): boolean {
    const value = this.input.params[name];
    return value !== undefined && value !== null;
  }

  get typedParams(): PlanParams {
    return this.params as PlanParams;
  }
}
