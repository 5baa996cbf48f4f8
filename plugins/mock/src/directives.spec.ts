import { ProviderError } from '@litegen/plugin-sdk';
import { describe, expect, it } from 'vitest';
import { readControls, splitPrompt } from './directives.js';

function refusal(prompt: string, extra = {}): ProviderError {
  try {
    readControls(prompt, extra, 2);
  } catch (error) {
    if (ProviderError.is(error)) return error;
  }
  return expect.fail(`${prompt} was accepted`);
}

describe('splitPrompt', () => {
  it('takes directives out of the prompt, wherever they are', () => {
    const { text, directives } = splitPrompt('a [mock latency=5s] red [MOCK fail=timeout message="a ] in quotes"] boat [mocking]');
    expect(text).toBe('a red boat [mocking]');
    expect(Object.fromEntries(directives)).toEqual({ latency: '5s', fail: 'timeout', message: 'a ] in quotes' });
  });
});

describe('readControls', () => {
  it('leaves a plain prompt alone', () => {
    expect(readControls('a boat', {}, 1)).toEqual({
      text: 'a boat',
      controls: { progress: false, drop: false, corrupt: false, revise: false, cancelCharged: 'no' },
    });
  });

  it('reads times, counts and failures', () => {
    const { controls } = readControls('[mock latency=250ms outputs=1 fail=rate_limited retry_after=1.5 times=2 charged=yes at=run]', {}, 3);
    expect(controls).toMatchObject({
      latencyMs: 250,
      outputs: 1,
      fail: { code: 'rate_limited', retryAfterMs: 1500, times: 2, charged: 'yes', at: 'run' },
    });
  });

  it('takes seconds when there is no unit', () => {
    expect(readControls('[mock latency=5]', {}, 1).controls.latencyMs).toBe(5000);
  });

  it('prefers extra.mock', () => {
    const { controls } = readControls('[mock latency=5s progress]', { mock: { latency: '1s', progress: false, revise: true } }, 1);
    expect(controls).toMatchObject({ latencyMs: 1000, progress: false, revise: true });
  });

  it('makes an operation where only an operation can follow', () => {
    for (const text of ['status=pending', 'cancel=too_late', 'fail=unavailable at=poll', 'hang at=poll', 'async']) {
      expect(readControls(`[mock ${text}]`, {}, 1).controls.mode).toBe('async');
    }
    expect(readControls('[mock sync]', {}, 1).controls.mode).toBe('sync');
  });

  it.each([
    'wibble=1',
    'fail=nonsense',
    'fail=timeout charged=perhaps',
    'fail=timeout at=noon',
    'latency=soon',
    'latency=2h',
    'latency=9999999s',
    'outputs=3',
    'outputs=-1',
    'times=2',
    'retry_after=2',
    'charged=yes',
    'at=run',
    'async sync',
    'sync status=pending',
    'cancel=maybe',
    'cost=free',
    'progress=50',
  ])('refuses [mock %s]', (text) => {
    expect(refusal(`a boat [mock ${text}]`)).toMatchObject({ code: 'invalid_request', param: 'prompt', charged: 'no' });
  });

  it('refuses an extra.mock that is no object', () => {
    expect(refusal('a boat', { mock: 'latency=5s' })).toMatchObject({ param: 'extra.mock' });
  });
});
