import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Json, JsonObject } from '../../../json.js';
import type { OperationStatus } from '../../../result.js';
import { ConformanceFailure } from '../setup.js';

/** All that crosses over to the second process. */
export interface SecondProcessTask {
  readonly entry: string;
  readonly providerId: string;
  readonly media: 'image' | 'video';
  readonly operation: Json;
  readonly apiBase: string;
  readonly secrets: Readonly<Record<string, string>>;
  readonly options: JsonObject;
}

/** Follows an operation in a Node process that knows nothing of this one. */
export async function statusInSecondProcess(task: SecondProcessTask): Promise<OperationStatus> {
  const testing = dirname(createRequire(import.meta.url).resolve('@litegen/plugin-sdk/testing'));
  const child = spawn(process.execPath, [join(testing, 'conformance', 'second-process-main.js')], { stdio: ['pipe', 'pipe', 'pipe'] });
  const output: string[] = [];
  const errors: string[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk.toString()));
  child.stdin.end(JSON.stringify(task));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code !== 0) throw new ConformanceFailure(`status() in a second process failed: ${errors.join('').trim()}`);
  return JSON.parse(output.join('')) as OperationStatus;
}
