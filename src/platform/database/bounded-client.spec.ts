import { describe, expect, it } from 'vitest';
import { boundedClient } from './bounded-client.js';

describe('boundedClient', () => {
  it('does not end the process when its connection fails while nobody listens', () => {
    const client = new (boundedClient(0))();
    expect(() => client.emit('error', new Error('terminating connection due to administrator command'))).not.toThrow();
  });
});
