// A plugin that does what a plugin must not do, by the first word of the prompt. The proofs load it beside good ones.
import { setTimeout as delay } from 'node:timers/promises';

const PICTURE = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==', 'base64');
const never = () => new Promise(() => undefined);
const made = (count = 1) => ({
  state: 'done',
  outputs: Array.from({ length: count }, () => ({ media: { kind: 'bytes', data: PICTURE } })),
});

/** So much in every direction, and never a pause of its own. */
async function flood(call, logger, rounds) {
  const endless = 'x'.repeat(100_000);
  for (let round = 0; round < rounds; round += 1) {
    logger.info(`line ${round} ${endless}`, { endless });
    call.logger.warn(`line ${round}`, { huge: 1n });
    call.warn({ param: 'seed', action: 'dropped', message: `warning ${round}` });
    void call.emit({ type: 'partial_image', index: 0, media: { kind: 'bytes', data: Buffer.alloc(200_000, round) } });
    await call.emit({ type: 'progress', progress: round % 100 });
  }
}

const stray = {
  throw: () =>
    setTimeout(() => {
      throw new Error('thrown in a timer');
    }, 5),
  reject: () => void Promise.reject(new Error('rejected unseen')),
  unawaited: (call) => void call.fetch('https://elsewhere.test/'),
};

const starts = {
  paint: () => made(),
  hang: never,
  late: async () => {
    await delay(6_000);
    return made();
  },
  lateError: async () => {
    await delay(6_000);
    throw new Error('too late');
  },
  lateJob: async () => {
    await delay(6_000);
    return { state: 'started', operation: { id: 'job-77' }, vendorJobId: 'job-77' };
  },
  sent: async (call) => {
    await call.fetch(`${call.options.vendor}/submit`, { json: {}, submits: true });
    return never();
  },
  flood: async (call, logger) => {
    await flood(call, logger, 3_000);
    return made();
  },
  many: () => made(200_000),
  huge: () => ({ state: 'started', operation: { text: 'x'.repeat(20_000_000) } }),
  stray: (call, _logger, name) => {
    stray[name](call);
    return made();
  },
};

const statuses = {
  hangStatus: never,
  hangCancel: () => ({ state: 'pending' }),
  throwStatus: () => {
    setTimeout(() => {
      throw new Error('thrown in a timer');
    }, 5);
    return { state: 'pending' };
  },
  strangePauses: (operation) =>
    Date.now() < operation.at + 500 ? { state: 'pending', pollAfterMs: Number.NaN } : { ...made(), state: 'succeeded' },
};

const provider = (logger) => ({
  async start({ prompt }, call) {
    const [word, name] = prompt.split(' ');
    if (word in statuses) return { state: 'started', operation: { word, at: Date.now() } };
    return starts[word](call, logger, name);
  },
  status: async (operation) => statuses[operation.word](operation),
  cancel: async ({ word }) => (word === 'hangCancel' ? never() : 'unsupported'),
});

export default {
  spec: 1,
  id: 'unruly',
  create: ({ logger }) => ({ image: provider(logger), video: provider(logger) }),
};
