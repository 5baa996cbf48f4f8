import { describe, expect, it } from 'vitest';
import { appliedPreferences, parsePrefer } from './command.js';

describe('parsePrefer', () => {
  it.each([
    [undefined, { respondAsync: false }],
    ['respond-async', { respondAsync: true }],
    ['Respond-Async, WAIT=10', { respondAsync: true, waitSeconds: 10 }],
    ['wait="5"', { respondAsync: false, waitSeconds: 5 }],
    ['wait = 7; foo="bar"', { respondAsync: false, waitSeconds: 7 }],
    ['wait=3, wait=9', { respondAsync: false, waitSeconds: 3 }],
    ['wait=0', { respondAsync: false, waitSeconds: 0 }],
    ['wait=-1', { respondAsync: false }],
    ['wait=soon, handling=lenient', { respondAsync: false }],
    ['wait=999999999', { respondAsync: false, waitSeconds: 86_400 }],
    [['respond-async', 'wait=2'], { respondAsync: true, waitSeconds: 2 }],
  ])('%j', (header, expected) => {
    expect(parsePrefer(header)).toEqual(expected);
  });
});

describe('appliedPreferences', () => {
  it('names what was heeded', () => {
    expect(appliedPreferences({ respondAsync: true, waitSeconds: 3 })).toBe('respond-async, wait=3');
    expect(appliedPreferences({ respondAsync: false })).toBeUndefined();
  });
});
