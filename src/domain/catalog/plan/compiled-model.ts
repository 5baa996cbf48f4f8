import type { Model } from '../model.js';
import { MODALITIES, modalityOf, PARAM_NAMES, type ParamName } from '../schema/index.js';
import type { Draft } from './draft.js';
import { checkScalar, type ScalarSpec } from './scalar.policy.js';
import { type ShapeOutcome, type ShapeSpecs, shapeOfRatio, shapeOfSize } from './shape.policy.js';

/** Checks one parameter that the caller asked for and files the result in the draft. */
type ParamCheck = (draft: Draft, value: unknown) => void;

export interface CompiledModel {
  /** Every parameter there is, in the order of checks, without `n`. */
  readonly checks: readonly (readonly [name: ParamName, check: ParamCheck])[];
}

const compiled = new WeakMap<Model, CompiledModel>();

/** A model's checks, prepared once. */
export function compileModel(model: Model): CompiledModel {
  const known = compiled.get(model);
  if (known !== undefined) return known;
  const { paramOrder: first } = MODALITIES[model.media_type];
  const order = [...first, ...PARAM_NAMES.filter((name) => name !== 'n' && !first.includes(name))];
  const shapes = shapesOf(model);
  const result = { checks: order.map((name) => [name, checkFor(model, name, shapes)] as const) };
  compiled.set(model, result);
  return result;
}

function shapesOf({ id, params }: Model): ShapeSpecs {
  const { size, aspect_ratio: ratio, resolution } = params;
  return {
    modelId: id,
    ...(size?.kind === 'size' ? { size } : {}),
    ...(ratio?.kind === 'aspect_ratio' ? { ratio } : {}),
    ...(resolution?.kind === 'string' && resolution.enum_values !== undefined ? { resolutions: resolution.enum_values } : {}),
  };
}

function checkFor(model: Model, name: ParamName, shapes: ShapeSpecs): ParamCheck {
  const spec = model.params[name];
  if (name === 'size') return shapeCheck(name, shapes, shapeOfSize);
  if (name === 'aspect_ratio' && spec?.kind !== 'string') return shapeCheck(name, shapes, shapeOfRatio);
  if (spec === undefined) return undeclared(model, name);
  if (spec.kind === 'size' || spec.kind === 'aspect_ratio') throw new Error(`${model.id}: ${name} cannot be of kind ${spec.kind}`);
  return scalarCheck(name, spec);
}

function shapeCheck(name: 'size' | 'aspect_ratio', shapes: ShapeSpecs, shapeOf: typeof shapeOfSize): ParamCheck {
  return (draft, value) => {
    const { hasAutomaticSize } = MODALITIES[modalityOf(draft.input.operation)];
    const outcome = shapeOf(shapes, value, { strict: draft.strict, hasAutomaticSize, asks: (other) => draft.asks(other) });
    fileShape(draft, name, value, outcome);
  };
}

function fileShape(draft: Draft, name: string, value: unknown, outcome: ShapeOutcome): void {
  const field = draft.fieldOf(name);
  switch (outcome.action) {
    case 'apply':
      draft.apply(name, outcome.value);
      break;
    case 'leave':
      draft.receipt.applied.push(field);
      break;
    case 'map':
      Object.assign(draft.params, outcome.params);
      draft.map(field, value, outcome.to, outcome.reason);
      break;
    case 'drop':
      draft.drop(field, value, outcome.reason);
      break;
    case 'reject':
      draft.reject(outcome.code, field, outcome.message, outcome.accepted);
      break;
  }
}

function undeclared(model: Model, name: ParamName): ParamCheck {
  const taken = Object.keys(model.params);
  const hint = taken.length === 0 ? '' : ` It takes: ${taken.join(', ')}.`;
  return (draft, value) => {
    const field = draft.fieldOf(name);
    if (draft.strict) draft.reject('param_unsupported', field, `${model.id} does not take ${field}.${hint}`, taken);
    else draft.drop(field, value, `${model.id} does not take it`);
  };
}

function scalarCheck(name: ParamName, spec: ScalarSpec): ParamCheck {
  const pattern = spec.kind === 'string' && spec.pattern !== undefined ? new RegExp(spec.pattern, 'u') : undefined;
  return (draft, value) => {
    const field = draft.fieldOf(name);
    const checked = checkScalar(field, spec, value, pattern, draft.input.textValues === true);
    const synonym = checked.ok || draft.strict ? undefined : synonymOf(name, spec, value);
    if (checked.ok) {
      draft.apply(name, checked.value);
    } else if (synonym === undefined) {
      draft.reject(checked.code, field, checked.message, checked.accepted);
    } else {
      draft.params[name] = synonym;
      draft.map(field, value, synonym, `${draft.model.id} calls it so`);
    }
  };
}

/** Two vocabularies for one idea: DALL·E's qualities and GPT Image's, and two spellings of a format. Lax mode translates. */
const SYNONYMS: Partial<Record<ParamName, Readonly<Record<string, string>>>> = {
  quality: { hd: 'high', standard: 'medium', high: 'hd', medium: 'standard' },
  output_format: { jpg: 'jpeg', jpeg: 'jpg' },
};

function synonymOf(name: ParamName, spec: ScalarSpec, value: unknown): string | undefined {
  if (spec.kind !== 'string' || typeof value !== 'string') return undefined;
  const synonyms = SYNONYMS[name];
  const synonym = synonyms !== undefined && Object.hasOwn(synonyms, value) ? synonyms[value] : undefined;
  return synonym !== undefined && spec.enum_values?.includes(synonym) === true ? synonym : undefined;
}
