import { didYouMean } from '../../platform/common/index.js';
import { freeformProblem } from './plan/size-rules.js';
import type { ModelDefinition, NumberSpec, ParamSpec, PriceCondition, SizeSpec } from './schema/index.js';
import { modalityOf, OPERATIONS, type Operation, PARAM_NAMES } from './schema/index.js';
import type { YamlPath } from './yaml-source.js';

export interface RuleFinding {
  readonly path: YamlPath;
  readonly message: string;
  /** A warning is logged; anything else makes the model unusable. */
  readonly severity: 'error' | 'warning';
}

type Report = (path: YamlPath, message: string, severity?: RuleFinding['severity']) => void;

/** What the model can do: its own list, else what LiteGen's five capabilities say. */
export function operationsOf(definition: Pick<ModelDefinition, 'operations' | 'capabilities'>): Operation[] {
  if (definition.operations !== undefined) return definition.operations;
  const { text_to_image, image_to_image, inpainting, text_to_video, image_to_video } = definition.capabilities;
  const operations: Operation[] = [];
  if (text_to_image) operations.push('image.generate');
  if (image_to_image || inpainting) operations.push('image.edit');
  if (text_to_video || image_to_video) operations.push('video.generate');
  return operations;
}

/** The rules of docs/extend/model-yaml.md that span several keys of one model, and who may set them. */
export function checkModel(model: ModelDefinition, layer: 'plugin' | 'operator'): RuleFinding[] {
  const findings: RuleFinding[] = [];
  const report: Report = (path, message, severity = 'error') => findings.push({ path, message, severity });
  if (!model.id.startsWith(`${model.provider}/`)) report(['id'], `must begin with the provider, "${model.provider}/"`);
  checkOperations(model, report);
  checkLifecycle(model, report);
  for (const [name, spec] of Object.entries(model.params)) checkParam(['params', name], name, spec, report);
  checkReferences(model, report);
  checkOptions(model, layer, report);
  checkPricing(model, report);
  return findings;
}

function checkOperations(model: ModelDefinition, report: Report): void {
  const operations = operationsOf(model);
  if (operations.length === 0) report(['capabilities'], 'the model can do nothing: set a capability or list its operations');
  const other = operations.find((operation) => modalityOf(operation) !== model.media_type);
  if (other !== undefined) {
    const path = model.operations === undefined ? ['capabilities'] : ['operations'];
    report(path, `${other} does not suit media_type: ${model.media_type}`);
  }
  if (operations.includes('image.edit') && model.ref_inputs === undefined) {
    report(['ref_inputs'], 'editing takes an image, but no ref_inputs are declared', 'warning');
  }
}

function checkLifecycle({ id, lifecycle }: ModelDefinition, report: Report): void {
  if (lifecycle === undefined) return;
  const { released, deprecated, sunset, successor } = lifecycle;
  if (deprecated !== undefined && sunset !== undefined && sunset < deprecated) report(['lifecycle', 'sunset'], 'is before deprecated');
  if (released !== undefined && sunset !== undefined && sunset < released) report(['lifecycle', 'sunset'], 'is before released');
  if (successor === id) report(['lifecycle', 'successor'], 'is the model itself');
}

function checkParam(path: YamlPath, name: string, spec: ParamSpec, report: Report): void {
  switch (spec.kind) {
    case 'int':
    case 'float':
    case 'seed':
      checkNumber(path, name, spec, report);
      break;
    case 'string':
      if (spec.pattern !== undefined && !compiles(spec.pattern)) report([...path, 'pattern'], 'is not a regular expression');
      if (spec.default !== undefined && spec.enum_values !== undefined && !spec.enum_values.includes(spec.default)) {
        report([...path, 'default'], `is not one of ${spec.enum_values.join(', ')}`);
      }
      break;
    case 'aspect_ratio':
      if (spec.default !== undefined && !spec.allowed.includes(spec.default)) {
        report([...path, 'default'], `is not one of ${spec.allowed.join(', ')}`);
      }
      break;
    case 'size':
      checkSize(path, spec, report);
      break;
    case 'bool':
      // Its schema says all there is to say.
      break;
  }
}

function checkNumber(path: YamlPath, name: string, spec: NumberSpec, report: Report): void {
  const { min, max } = spec;
  if (min !== undefined && max !== undefined && min > max) report([...path, 'min'], `is greater than max (${min} > ${max})`);
  if (name === 'n' && min !== undefined && min < 1) report([...path, 'min'], 'must be at least 1');
  if (spec.kind === 'seed' || spec.default === undefined) return;
  const outside = (min !== undefined && spec.default < min) || (max !== undefined && spec.default > max);
  if (outside) report([...path, 'default'], 'is outside min and max');
  if (spec.enum_values !== undefined && !spec.enum_values.includes(spec.default)) {
    report([...path, 'default'], `is not one of ${spec.enum_values.join(', ')}`);
  }
}

function checkSize(path: YamlPath, spec: SizeSpec, report: Report): void {
  if (spec.mode === 'freeform') {
    if (spec.min_width > spec.max_width)
      report([...path, 'min_width'], `is greater than max_width (${spec.min_width} > ${spec.max_width})`);
    if (spec.min_height > spec.max_height) {
      report([...path, 'min_height'], `is greater than max_height (${spec.min_height} > ${spec.max_height})`);
    }
    if (spec.min_pixels !== undefined && spec.max_pixels !== undefined && spec.min_pixels > spec.max_pixels) {
      report([...path, 'min_pixels'], `is greater than max_pixels (${spec.min_pixels} > ${spec.max_pixels})`);
    }
  }
  if (spec.default === undefined) return;
  if (spec.default === 'auto') {
    if (spec.allow_auto !== true) report([...path, 'default'], 'is auto, but allow_auto is not set');
    return;
  }
  const [width = 0, height = 0] = spec.default.split('x').map(Number);
  const problem =
    spec.mode === 'enum'
      ? spec.values.some(([w, h]) => w === width && h === height)
        ? undefined
        : 'is not one of the values'
      : freeformProblem(spec, { width, height });
  if (problem !== undefined) report([...path, 'default'], problem);
}

function checkReferences({ ref_inputs: inputs }: ModelDefinition, report: Report): void {
  if (inputs === undefined) return;
  const roles = Object.keys(inputs.roles);
  const undeclared = (role: string) =>
    `names the role ${role}, which is not declared${didYouMean(role, roles)}; declared are ${roles.join(', ')}`;
  if (inputs.default_role !== undefined && !roles.includes(inputs.default_role)) {
    report(['ref_inputs', 'default_role'], undeclared(inputs.default_role));
  }
  for (const role of Object.keys(inputs.provider_format.field_map ?? {})) {
    if (!roles.includes(role)) report(['ref_inputs', 'provider_format', 'field_map', role], undeclared(role));
  }
  for (const [role, { min_count, max_count }] of Object.entries(inputs.roles)) {
    if (min_count > max_count)
      report(['ref_inputs', 'roles', role, 'min_count'], `is greater than max_count (${min_count} > ${max_count})`);
  }
}

function checkOptions({ params, extra_allowlist, extra_passthrough }: ModelDefinition, layer: 'plugin' | 'operator', report: Report): void {
  for (const [index, option] of extra_allowlist.entries()) {
    if (Object.hasOwn(params, option))
      report(['extra_allowlist', index], `${option} is a parameter of the model, and is taken as such`, 'warning');
  }
  if (extra_passthrough && layer === 'plugin') report(['extra_passthrough'], 'is for the operator to set, in the models directory');
}

function checkPricing(model: ModelDefinition, report: Report): void {
  const { pricing } = model;
  if (pricing === undefined) {
    report([], 'has no pricing, so every request for it is refused', 'warning');
    return;
  }
  const unconditional = new Set<string>();
  for (const [index, { unit, when }] of pricing.components.entries()) {
    const path = ['pricing', 'components', index];
    checkCondition([...path, 'when'], when, model, report);
    if (unconditional.has(unit)) report(path, `can never hold: an earlier component of unit ${unit} has no condition`, 'warning');
    if (when === undefined) unconditional.add(unit);
  }
  const units = new Set(pricing.components.map(({ unit }) => unit));
  for (const [index, { unit, when }] of pricing.estimates.entries()) {
    checkCondition(['pricing', 'estimates', index, 'when'], when, model, report);
    if (!units.has(unit)) report(['pricing', 'estimates', index, 'unit'], `has no price: no component counts ${unit}`);
  }
}

function checkCondition(path: YamlPath, when: PriceCondition | undefined, model: ModelDefinition, report: Report): void {
  const roles = Object.keys(model.ref_inputs?.roles ?? {});
  for (const [key, expected] of Object.entries(when ?? {})) {
    if (key === 'inputs' || key === 'n') continue;
    if (key === 'operation') {
      const values = Array.isArray(expected) ? expected : [expected];
      if (!values.every((value) => (OPERATIONS as readonly unknown[]).includes(value))) {
        report([...path, key], `expected one of ${OPERATIONS.join(', ')}`);
      }
      continue;
    }
    if (key.startsWith('inputs.')) {
      const role = key.slice('inputs.'.length);
      if (!roles.includes(role)) report([...path, key], `no such role${didYouMean(role, roles)}`);
    } else if (key.startsWith('extra.')) {
      const option = key.slice('extra.'.length);
      if (!model.extra_allowlist.includes(option))
        report([...path, key], `is not in extra_allowlist${didYouMean(option, model.extra_allowlist)}`);
    } else if (!(PARAM_NAMES as readonly string[]).includes(key)) {
      report([...path, key], `no such parameter${didYouMean(key, PARAM_NAMES)}`);
    } else if (!(key in model.params)) {
      report([...path, key], `can never hold: the model does not declare ${key}`, 'warning');
    }
  }
}

function compiles(pattern: string): boolean {
  try {
    new RegExp(pattern, 'u');
    return true;
  } catch {
    return false;
  }
}
