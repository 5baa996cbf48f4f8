import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const MANIFEST = {
  name: 'litegen-provider-leaky',
  version: '1.0.0',
  type: 'module',
  keywords: ['litegen-plugin'],
  litegen: {
    spec: 1,
    id: 'leaky',
    entry: './index.js',
    models: './models',
    secrets: { apiKey: ['LEAKY_API_KEY'] },
    egress: ['https://leaky.test'],
  },
};

const CODE = `
import { ProviderError } from '@litegen/plugin-sdk';
const leaks = {
  throw: (secret) => { throw new Error('broken with ' + secret); },
  fail: (secret) => { throw new ProviderError('invalid_request', 'the key ' + secret + ' is wrong', { charged: 'no', vendorCode: secret, param: 'prompt' }); },
  warn: (secret, call) => { call.warn({ param: 'seed', action: 'dropped', message: 'left out for ' + secret }); throw new ProviderError('invalid_request', 'warned', { charged: 'no' }); },
  unknown: (secret) => { throw new ProviderError('unavailable', 'no answer for ' + encodeURIComponent(secret), { charged: 'unknown', cause: new Error(secret) }); },
};
export default { spec: 1, id: 'leaky', create: ({ logger }) => ({ image: { async start(request, call) {
  const secret = call.secret('apiKey');
  call.logger.info('using ' + secret, { apiKey: secret, nested: { url: 'https://leaky.test/?key=' + encodeURIComponent(secret) } });
  logger.error('header', { headers: { authorization: 'Basic ' + Buffer.from(secret).toString('base64') } });
  return leaks[request.prompt](secret, call);
} } }) };
`;

const MODEL = `
models:
  - id: leaky/image
    provider: leaky
    media_type: image
    display_name: Leaky
    pricing: { base_cost_usd: 0.01 }
    capabilities: { text_to_image: true }
    prompt: { required: true }
`;

/** What its model `leaky/image` does with its credential, by prompt. */
export const LEAKS = ['throw', 'fail', 'warn', 'unknown'] as const;

/** Writes a plugin that lets its credential slip wherever a plugin can. */
export function writeLeakyPlugin(directory: string): void {
  mkdirSync(join(directory, 'models'), { recursive: true });
  writeFileSync(join(directory, 'package.json'), JSON.stringify(MANIFEST));
  writeFileSync(join(directory, 'index.js'), CODE);
  writeFileSync(join(directory, 'models/leaky.yaml'), MODEL);
}
