import { text } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import type { ProviderPlugin } from '../../provider.js';
import { createTestCall, createTestSetup } from '../test-call.js';
import type { SecondProcessTask } from './checks/second-process.js';

const MAX_POLLS = 60;

const task = JSON.parse(await text(process.stdin)) as SecondProcessTask;
const { default: plugin } = (await import(task.entry)) as { default: ProviderPlugin };
const provider = plugin.create(createTestSetup(task.providerId, task.options))[task.media];
if (provider?.status === undefined) throw new Error('there is no status()');
for (let polls = 0; polls < MAX_POLLS; polls += 1) {
  const { apiBase, secrets, options } = task;
  const status = await provider.status(task.operation, createTestCall({ apiBase, secrets, options }));
  if (status.state === 'pending') {
    await wait(10);
    continue;
  }
  process.stdout.write(JSON.stringify(status));
  process.exit(0);
}
throw new Error(`still pending after ${MAX_POLLS} polls`);
