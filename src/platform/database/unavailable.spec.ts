import { QueryFailedError } from 'typeorm';
import { describe, expect, it } from 'vitest';
import { isAway, isUnavailable } from './unavailable.js';

/** As the drivers make them, and as the ORM wraps them. */
function failures(code: string, severity?: string): Error[] {
  const driverError = Object.assign(new Error('said by the driver'), { code, ...(severity === undefined ? {} : { severity }) });
  return [driverError, new QueryFailedError('SELECT 1', [], driverError), new Error('wrapped', { cause: driverError })];
}

describe('what a database says', () => {
  it.each(['22021', '22003', '23505', '23514', '42P01', '42601', '54000'])('SQLSTATE %s is permanent', (code) => {
    for (const error of failures(code, 'ERROR')) expect([isUnavailable(error), isAway(error)]).toEqual([false, false]);
  });

  it.each(['40001', '40P01', '55P03', '57014', '25P02', '42501', 'P0001', 'XX000', '0A000'])('SQLSTATE %s may pass', (code) => {
    for (const error of failures(code, 'ERROR')) expect([isUnavailable(error), isAway(error)]).toEqual([true, false]);
  });

  it.each(['08006', '28P01', '28000', '3D000', '53300', '57P01', '57P03', '58030', '25006', '25P03'])(
    'SQLSTATE %s: nobody is there',
    (code) => {
      for (const error of failures(code, 'FATAL')) expect([isUnavailable(error), isAway(error)]).toEqual([true, true]);
    },
  );

  it.each(['SQLITE_CONSTRAINT', 'SQLITE_ERROR', 'SQLITE_MISUSE', 'SQLITE_TOOBIG'])('%s is permanent', (code) => {
    for (const error of failures(code)) expect(isUnavailable(error)).toBe(false);
  });

  it.each(['SQLITE_BUSY', 'SQLITE_LOCKED', 'SQLITE_FULL', 'SQLITE_IOERR', 'SQLITE_READONLY', 'SQLITE_NOMEM'])('%s may pass', (code) => {
    for (const error of failures(code)) expect(isUnavailable(error)).toBe(true);
  });

  it('is not what a program throws', () => {
    for (const error of [new TypeError('undefined is not a function'), Object.assign(new Error('x'), { code: 'E2BIG' }), 'text', null]) {
      expect(isUnavailable(error)).toBe(false);
    }
  });
});
