import { describe, expect, it } from 'vitest';
import { refusalOf } from './refusal.policy.js';

describe('why a Redis refuses', () => {
  it.each([
    ["READONLY You can't write against a read only replica. script: 4f, on @user_script:9.", 'is a replica'],
    [
      "ERR Error running script (call to f_4f): @user_script:9: @user_script: 9: -READONLY You can't write against a read only",
      'is a replica',
    ],
    ["MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", 'has lost its primary'],
    ['MOVED 3999 10.0.0.7:6381', 'not supported'],
    ['ASK 3999 10.0.0.7:6381', 'not supported'],
    ['CLUSTERDOWN Hash slot not served', 'not supported'],
    ["OOM command not allowed when used memory > 'maxmemory'.", 'is full'],
    ['NOREPLICAS Not enough good replicas to write.', 'min-replicas-to-write'],
    ['MISCONF Redis is configured to save RDB snapshots, but it is currently unable to persist to disk.', 'to its disk'],
    ['LOADING Redis is loading the dataset in memory', 'is loading'],
    ['NOAUTH Authentication required.', 'wants a password'],
    ['WRONGPASS invalid username-password pair or user is disabled.', 'the password in redis.url'],
    ["NOPERM this user has no permissions to run the 'evalsha' command", 'does not permit'],
  ])('is read from %s', (message, text) => {
    expect(refusalOf(new Error(message))?.text).toContain(text);
    expect(refusalOf(new Error('Redis failed', { cause: new Error(message) }))?.text).toContain(text);
  });

  it('is nothing that other errors say', () => {
    for (const message of ['connect ECONNREFUSED 127.0.0.1:6379', 'ERR unknown command', 'NOSCRIPT No matching script', 'BUSYGROUP x']) {
      expect(refusalOf(new Error(message))).toBeUndefined();
    }
  });
});
