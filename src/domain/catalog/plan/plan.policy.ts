import type { Operation } from '@litegen/plugin-sdk';
import { didYouMean, type ErrorCode } from '../../../platform/common/index.js';
import type { Model } from '../model.js';
import { MODALITIES, modalityOf, OPERATION_ENDPOINTS, PARAM_KINDS, PARAM_NAMES, type ParamName } from '../schema/index.js';
import {
  checkScalar,
  codePoints,
  Draft,
  exceeds,
  liftParams,
  planExtra,
  planReferences,
  rejection,
  type ScalarSpec,
  show,
} from './fields.policy.js';
import type { Examination, Plan, PlanInput, PlanOptions } from './plan.types.js';
import { type ShapeOutcome, type ShapeSpecs, shapeOfRatio, shapeOfSize } from './shape.policy.js';

/** Top-level fields that are not parameters of a model; only for suggestions. */
const OTHER_FIELDS = ['prompt', 'model', 'extra', 'strict', 'metadata', 'user', 'response_format', 'reference_images', 'stream'];

/**
 * Checks a request against a model and turns it into what the model takes.
 * @throws ApiError of the first problem, in LiteGen's order: prompt, parameters, references, extra, unknown fields.
 */
export function planRequest(model: Model, input: PlanInput, { strict }: PlanOptions): Plan {
  const draft = new Draft(model, strict ? input : liftParams(model, input), strict, false);
  return fill(draft);
}

/** Like {@link planRequest}, but collects every problem instead of throwing the first. */
export function validateAll(model: Model, input: PlanInput, { strict }: PlanOptions): Examination {
  const draft = new Draft(model, strict ? input : liftParams(model, input), strict, true);
  const plan = fill(draft);
  const { problems, receipt } = draft;
  return problems.length === 0 ? { plan, problems, receipt } : { problems, receipt };
}

function fill(draft: Draft): Plan {
  const { model, input } = draft;
  const operation = planOperation(draft);
  const prompt = planPrompt(draft);
  for (const [name, check] of compileModel(model).checks) {
    const value = input.params[name];
    if (value !== undefined && value !== null) check(draft, value);
  }
  planTransparency(draft);
  const n = planCount(draft);
  planReferences(draft);
  if (operation === 'image.edit' && input.references.length === 0) {
    draft.reject('ref_role_required', 'reference_images', 'An edit needs an image to edit.');
  }
  planExtra(draft);
  planUnknown(draft);
  for (const field of input.gateway) draft.receipt.applied.push(field);
  return {
    operation,
    model,
    prompt,
    n,
    params: draft.typedParams,
    references: draft.references,
    droppedReferences: draft.droppedReferences,
    extra: draft.extra,
    receipt: draft.receipt,
    droppedParams: draft.droppedParams,
  };
}

function planOperation(draft: Draft): Operation {
  const { model, input } = draft;
  const { operation } = input;
  if (model.operations.includes(operation)) return operation;
  const canEdit = model.operations.includes('image.edit');
  // LiteGen has one route for both: references make a generation an edit.
  if (operation === 'image.generate' && canEdit && input.references.length > 0) return 'image.edit';
  const endpoints = model.operations.map((one) => OPERATION_ENDPOINTS[one]).join(' or ');
  const hint = operation === 'image.generate' && canEdit ? ', or send a reference image' : '';
  const message = `${model.id} is a model for ${model.operations.join(', ')}, not for ${operation}: use ${endpoints}${hint}.`;
  draft.reject('operation_unsupported', 'model', message, model.operations);
  return operation;
}

function planPrompt(draft: Draft): string {
  const value = draft.input.prompt ?? '';
  const problem = promptProblem(draft.model, value);
  if (problem !== undefined) draft.reject(problem.code, 'prompt', problem.message, problem.accepted);
  else if (value !== '') draft.receipt.applied.push('prompt');
  return typeof value === 'string' ? value : '';
}

/** What planning says of the prompt alone. @throws ApiError */
export function checkPrompt(model: Model, prompt: unknown): void {
  const problem = promptProblem(model, prompt);
  if (problem !== undefined) throw rejection(model, problem.code, 'prompt', problem.message, problem.accepted);
}

interface PromptProblem {
  readonly code: ErrorCode;
  readonly message: string;
  readonly accepted?: readonly number[];
}

function promptProblem({ id, prompt }: Model, value: unknown): PromptProblem | undefined {
  const { required, min_length: min, max_length: max } = prompt;
  if (typeof value !== 'string') return { code: 'param_invalid_type', message: `prompt must be text; it is ${show(value)}.` };
  if (required && value.trim() === '') return { code: 'prompt_required', message: `${id} needs a prompt.` };
  if (min !== undefined && value !== '' && value.length < 2 * min && codePoints(value) < min) {
    const message = `The prompt must have at least ${min} characters; it has ${codePoints(value)}.`;
    return { code: 'prompt_too_short', message, accepted: [min] };
  }
  if (max === undefined || !exceeds(value, max)) return undefined;
  const message = `The prompt may have at most ${max} characters; it has ${codePoints(value)}.`;
  return { code: 'prompt_too_long', message, accepted: [max] };
}

/** A JPEG has no transparent pixels, and vendors say so only after they were called, or paint them black. */
function planTransparency(draft: Draft): void {
  const { model, params } = draft;
  const spec = model.params.output_format;
  const format = params.output_format ?? (spec?.kind === 'string' ? spec.default : undefined);
  if (params.background !== 'transparent' || !isJpeg(format)) return;
  if (!draft.strict) {
    draft.retract('background', 'a JPEG has no transparent background');
    return;
  }
  const others = spec?.kind === 'string' ? (spec.enum_values ?? []).filter((name) => !isJpeg(name)) : [];
  const wanted = others.length === 0 ? 'another format' : others.join(' or ');
  const field = draft.fieldOf('output_format');
  draft.reject('param_enum_mismatch', field, `With background: transparent, ${field} must be ${wanted}; it is ${String(format)}.`, others);
}

function isJpeg(format: unknown): boolean {
  return format === 'jpeg' || format === 'jpg';
}

function planCount(draft: Draft): number {
  const { model, input } = draft;
  if (input.n === undefined || input.n === null) return 1;
  const spec = model.params.n;
  const bounds = spec?.kind === 'int' ? { ...spec, min: spec.min ?? 1 } : { kind: 'int' as const, min: 1, max: 1 };
  const field = draft.fieldOf('n');
  const checked = checkScalar(field, bounds, input.n, undefined, input.textValues === true);
  if (!checked.ok) draft.reject(checked.code, field, `${model.id}: ${checked.message}`, checked.accepted);
  else draft.receipt.applied.push(field);
  return checked.ok && typeof checked.value === 'number' ? checked.value : 1;
}

/** More unknown fields than this, or longer names, are not a typing error. */
const MAX_UNKNOWN_FIELDS = 100;
const MAX_NAME_LENGTH = 200;

/** Fields that nobody knows: those of the API, and parameters that no model has. */
function planUnknown(draft: Draft): void {
  const { unknown, params } = draft.input;
  const fields = Object.entries(unknown);
  for (const [name, value] of Object.entries(params)) {
    if (!Object.hasOwn(PARAM_KINDS, name) && value !== undefined && value !== null) fields.push([name, value]);
  }
  if (fields.length > MAX_UNKNOWN_FIELDS || fields.some(([name]) => name.length > MAX_NAME_LENGTH)) {
    draft.reject('malformed_request', '', 'The request has too many unknown fields.');
    return;
  }
  for (const [name, value] of fields) unknownField(draft, name, value);
}

function unknownField(draft: Draft, name: string, value: unknown): void {
  const { model } = draft;
  if (!draft.strict) {
    draft.drop(name, value, 'there is no such field');
    return;
  }
  const hint = model.extra_allowlist.includes(name)
    ? ` It is an option of the vendor: send it as extra.${name}.`
    : ` There is no such field${didYouMean(name, [...Object.keys(model.params), ...OTHER_FIELDS])}.`;
  draft.reject('param_unsupported', name, `${name} is not accepted.${hint}`, Object.keys(model.params));
}

/** Checks one parameter that the caller asked for and files the result in the draft. */
type ParamCheck = (draft: Draft, value: unknown) => void;

interface CompiledModel {
  /** Every parameter there is, in the order of checks, without `n`. */
  readonly checks: readonly (readonly [name: ParamName, check: ParamCheck])[];
}

const compiled = new WeakMap<Model, CompiledModel>();

/** A model's checks, prepared once. */
function compileModel(model: Model): CompiledModel {
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
