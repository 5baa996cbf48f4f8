import { makePng } from '@litegen/plugin-sdk/testing';
import { expect } from 'vitest';
import type { Failure, SendOptions } from '../support/client.js';

export const BODY_LIMIT_BYTES = 100_000;

export interface ApiRoute {
  readonly path: string;
  readonly model: string;
  readonly otherMedium: string;
  readonly schemaModel: string;
  readonly retired: string;
  /** A number that both the schema and the model know. */
  readonly number: string;
}

export const ROUTES: readonly (readonly [string, ApiRoute])[] = [
  [
    'images',
    {
      path: '/v1/images/generations',
      model: 'mock/paint',
      otherMedium: 'mock/clip',
      schemaModel: 'mock/pant',
      retired: 'mock/retired-image',
      number: 'n',
    },
  ],
  [
    'edits',
    {
      path: '/v1/images/edits',
      model: 'mock/paint',
      otherMedium: 'mock/clip',
      schemaModel: 'mock/pant',
      retired: 'mock/retired-image',
      number: 'n',
    },
  ],
  [
    'videos',
    {
      path: '/v1/videos',
      model: 'mock/clip',
      otherMedium: 'mock/paint',
      schemaModel: 'mock/clap',
      retired: 'mock/retired-video',
      number: 'duration_seconds',
    },
  ],
];

export type Expected = Pick<Failure, 'status' | 'code' | 'type' | 'param'> & { readonly accepted?: unknown };

/** A valid request, changed at one place. */
export interface Case {
  readonly name: string;
  send(route: ApiRoute): SendOptions & { readonly path?: string };
  expected(route: ApiRoute): Expected;
}

const PICTURE = `data:image/png;base64,${makePng().toString('base64')}`;
const json = { 'content-type': 'application/json' };

export function fields(route: ApiRoute, change: object = {}): object {
  const images = route.path.endsWith('/edits') ? { images: [{ image_url: PICTURE }] } : {};
  return { model: route.model, prompt: 'a red boat', ...images, ...change };
}

const invalid = (code: string, param: string | null): Expected => ({ status: 400, code, type: 'validation_error', param });

function changed(name: string, change: (route: ApiRoute) => object, expected: (route: ApiRoute) => Expected): Case {
  return { name, send: (route) => ({ body: fields(route, change(route)) }), expected };
}

export const CASES: readonly Case[] = [
  changed(
    'a prompt of the wrong type',
    () => ({ prompt: 7 }),
    () => invalid('param_invalid_type', 'prompt'),
  ),
  changed(
    'a number of the wrong type',
    ({ number }) => ({ [number]: 'many' }),
    ({ number }) => invalid('param_invalid_type', number),
  ),
  changed(
    'an n below one',
    () => ({ n: 0 }),
    () => invalid('param_out_of_range', 'n'),
  ),
  changed(
    'an n beyond the model’s',
    () => ({ n: 11 }),
    () => invalid('param_out_of_range', 'n'),
  ),
  changed(
    'half an image',
    () => ({ n: 1.5 }),
    () => invalid('param_invalid_type', 'n'),
  ),
  changed(
    'an unknown field',
    () => ({ promt: 'x' }),
    () => invalid('param_unsupported', 'promt'),
  ),
  changed(
    'an empty prompt',
    () => ({ prompt: '' }),
    () => invalid('prompt_required', 'prompt'),
  ),
  changed(
    'no prompt',
    () => ({ prompt: undefined }),
    () => invalid('prompt_required', 'prompt'),
  ),
  changed(
    'an over-long prompt',
    () => ({ prompt: 'long '.repeat(6_500) }),
    () => invalid('prompt_too_long', 'prompt'),
  ),
  changed(
    'a size that the model has not',
    () => ({ size: '123x457' }),
    () => invalid('param_enum_mismatch', 'size'),
  ),
  changed(
    'a size that is none',
    () => ({ size: 'huge' }),
    () => ({ ...invalid('', 'size'), code: expect.stringMatching(/^param_/) as unknown as string }),
  ),
  changed(
    'a vendor option that is not listed',
    () => ({ extra: { secret_knob: 1 } }),
    () => invalid('extra_key_unsupported', 'extra.secret_knob'),
  ),
  changed(
    'no model',
    () => ({ model: undefined }),
    () => invalid('model_required', 'model'),
  ),
  changed(
    'a misspelt model',
    ({ schemaModel }) => ({ model: schemaModel }),
    ({ model }) => ({
      status: 404,
      code: 'model_not_found',
      type: 'invalid_request_error',
      param: 'model',
      accepted: expect.arrayContaining([model]),
    }),
  ),
  changed(
    'a model that was switched off',
    ({ retired }) => ({ model: retired }),
    ({ model }) => ({ status: 404, code: 'model_sunset', type: 'invalid_request_error', param: 'model', accepted: [model] }),
  ),
  changed(
    'a model of another medium',
    ({ otherMedium }) => ({ model: otherMedium }),
    () => invalid('operation_unsupported', 'model'),
  ),
  changed(
    'a model whose provider has no key',
    ({ path }) => ({ model: path === '/v1/videos' ? 'fal/veo-3.1' : 'openai/gpt-image-2' }),
    () => ({ status: 424, code: 'provider_not_configured', type: 'provider_not_configured', param: 'model' }),
  ),
  changed(
    'an unknown role of a reference',
    () => ({ reference_images: [{ type: 'url', value: PICTURE, role: 'muse' }] }),
    () => invalid('ref_role_unknown', 'reference_images[0].role'),
  ),
  changed(
    'an unknown kind of reference',
    () => ({ reference_images: [{ type: 'carrier-pigeon', value: PICTURE }] }),
    () => invalid('param_enum_mismatch', 'reference_images[0].type'),
  ),
  changed(
    'an unknown field of a reference',
    () => ({ reference_images: [{ type: 'url', value: PICTURE, weight: 0.5 }] }),
    () => ({ ...invalid('param_unsupported', 'reference_images[0].weight'), accepted: ['type', 'value', 'role'] }),
  ),
  changed(
    'a reference that is no picture',
    () => ({ reference_images: [{ type: 'base64', value: Buffer.from('no picture at all').toString('base64') }] }),
    () => ({ status: 400, code: 'reference_invalid', type: 'invalid_request_error', param: 'reference_images[0]' }),
  ),
  {
    name: 'a body that is no JSON',
    send: () => ({ body: '{"model": "mock/paint", ', headers: json }),
    expected: () => ({ status: 400, code: 'invalid_json', type: 'invalid_request_error', param: null }),
  },
  {
    name: 'a body that is no object',
    send: () => ({ body: '["mock/paint"]', headers: json }),
    expected: () => invalid('malformed_request', null),
  },
  { name: 'an empty body', send: () => ({ method: 'POST', headers: json }), expected: () => invalid('malformed_request', null) },
  { name: 'no body', send: () => ({ method: 'POST' }), expected: () => invalid('malformed_request', null) },
  {
    name: 'a content type that nobody reads',
    send: () => ({ body: '<model>mock/paint</model>', headers: { 'content-type': 'application/xml' } }),
    expected: () => ({ status: 415, code: 'unsupported_media_type', type: 'invalid_request_error', param: 'content-type' }),
  },
  {
    name: 'a body that is too large',
    send: (route) => ({ body: fields(route, { metadata: { filler: 'x'.repeat(BODY_LIMIT_BYTES) } }) }),
    expected: () => ({ status: 413, code: 'body_too_large', type: 'invalid_request_error', param: null }),
  },
  {
    name: 'a form without its boundary',
    send: () => ({ body: 'no parts', headers: { 'content-type': 'multipart/form-data' } }),
    expected: () => invalid('malformed_multipart', null),
  },
  {
    name: 'a form that breaks off',
    send: () => ({
      body: '--x\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nhalf a ',
      headers: { 'content-type': 'multipart/form-data; boundary=x' },
    }),
    expected: () => invalid('malformed_multipart', null),
  },
  {
    name: 'a form whose file is no picture',
    send: ({ model, path }) => {
      const form = new FormData();
      form.append('model', model);
      form.append('prompt', 'a boat');
      form.append(path === '/v1/videos' ? 'first_frame' : 'image', new Blob(['no picture'], { type: 'image/png' }), 'boat.png');
      return { body: form };
    },
    expected: ({ path }) => ({
      status: 400,
      code: 'reference_invalid',
      type: 'invalid_request_error',
      param: path === '/v1/videos' ? 'first_frame' : 'image',
    }),
  },
  {
    name: 'a wrong verb',
    send: () => ({ method: 'DELETE' }),
    expected: () => ({ status: 405, code: 'method_not_allowed', type: 'invalid_request_error', param: null }),
  },
  {
    name: 'an unknown route',
    send: ({ path }) => ({ path: `${path}/and/more`, method: 'POST' }),
    expected: () => ({ status: 404, code: 'route_not_found', type: 'not_found_error', param: null }),
  },
];
