import flux from './endpoints/flux.json' with { type: 'json' };
import image from './endpoints/image.json' with { type: 'json' };
import video from './endpoints/video.json' with { type: 'json' };

/** One field of an endpoint's input, reduced from fal's published types. */
export interface InputField {
  readonly type?: 'string' | 'number' | 'boolean' | 'array' | 'object' | 'any';
  /** Values joined by `|`. */
  readonly enum?: string;
  /** Set where the enum's values are JSON numbers. */
  readonly json?: 'integer';
  /** `{width, height}` is taken as well. */
  readonly dimensions?: boolean;
  readonly required?: boolean;
  readonly default?: unknown;
}

export type EndpointInput = Readonly<Record<string, InputField>>;

/** Endpoint id → its input fields. */
export const ENDPOINTS = { ...flux.endpoints, ...image.endpoints, ...video.endpoints } as Readonly<Record<string, EndpointInput>>;

/** One entry of a pydantic error, as fal answers it. */
export interface InputProblem {
  readonly loc: readonly string[];
  readonly msg: string;
  readonly type: string;
  readonly url: string;
}

/** What fal would object to in a body: every unknown, missing or ill-typed field. */
export function problemsOf(input: EndpointInput, body: Readonly<Record<string, unknown>>): InputProblem[] {
  const problem = (field: string, type: string, msg: string): InputProblem => ({
    loc: ['body', field],
    msg,
    type,
    url: `https://docs.fal.ai/errors#${type}`,
  });
  const problems: InputProblem[] = [];
  for (const [name, field] of Object.entries(input)) {
    if (field.required && body[name] === undefined) problems.push(problem(name, 'missing', 'Field required'));
  }
  for (const [name, value] of Object.entries(body)) {
    const field = Object.hasOwn(input, name) ? input[name] : undefined;
    if (field === undefined) problems.push(problem(name, 'extra_forbidden', 'Extra inputs are not permitted'));
    else if (!fits(field, value))
      problems.push(problem(name, field.enum === undefined ? `${field.type}_type` : 'literal_error', `Unexpected value for ${name}`));
  }
  return problems;
}

function fits(field: InputField, value: unknown): boolean {
  if (field.dimensions && typeof value === 'object' && value !== null) {
    const { width, height, ...rest } = value as Record<string, unknown>;
    return Number.isInteger(width) && Number.isInteger(height) && Object.keys(rest).length === 0;
  }
  if (field.enum !== undefined)
    return typeof value === (field.json === 'integer' ? 'number' : 'string') && field.enum.split('|').includes(String(value));
  if (field.type === 'array') return Array.isArray(value);
  return field.type === undefined || field.type === 'any' || typeof value === field.type;
}
