import { Logger } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ApiError } from '../../platform/common/index.js';
import { SecretRegistry } from '../../platform/security/index.js';
import { ErrorResponder } from './error.filter.js';
import { PinoLoggerService } from './logging.js';
import { RouteTable } from './request-reading.js';

/** As much of Fastify's reply as failures need. */
class Reply {
  readonly sent = false;
  readonly raw = { headersSent: false, destroy: () => undefined };
  status = 0;
  body = '';
  readonly named: Record<string, string> = {};
  code(status: number): this {
    this.status = status;
    return this;
  }
  headers(headers: Record<string, string>): this {
    Object.assign(this.named, headers);
    return this;
  }
  header(name: string, value: string): this {
    this.named[name] = value;
    return this;
  }
  send(body: string): this {
    this.body = body;
    return this;
  }
}

const REQUEST = { id: 'req_1', method: 'GET', url: '/x', is404: false, headers: {} } as unknown as FastifyRequest;

function respond(thrown: unknown, secrets = new SecretRegistry()): { status: number; error: { code: string; message: string } } {
  const reply = new Reply();
  new ErrorResponder(secrets, new RouteTable()).respond(reply as unknown as FastifyReply, REQUEST, thrown);
  return { status: reply.status, ...(JSON.parse(reply.body) as { error: { code: string; message: string } }) };
}

describe('an error while an error is reported', () => {
  beforeAll(() => Logger.overrideLogger(false));
  afterAll(() => Logger.overrideLogger(['log', 'error', 'warn', 'debug', 'verbose', 'fatal']));

  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  const unprintable = Object.create(null) as object;
  const hostile = new Proxy(new Error('x'), {
    get: (_target, name) => {
      throw new Error(`no ${String(name)}`);
    },
  });

  it.each([
    ['an object without a prototype', unprintable, 500, 'internal_error'],
    ['what throws whatever is asked of it', hostile, 500, 'internal_error'],
    ['nothing', undefined, 500, 'internal_error'],
    ['a symbol', Symbol('x'), 500, 'internal_error'],
    ['details that are no JSON', new ApiError('quota_exceeded', 'x', { budget: circular as never }), 402, 'quota_exceeded'],
    ['a header that is none', new ApiError('conflict', 'x', { headers: { link: 'a\nb: c' } }), 409, 'conflict'],
    ['a message of megabytes', new ApiError('storage_unavailable', 'A'.repeat(20_000_000)), 503, 'storage_unavailable'],
    ['a cause of megabytes', new ApiError('internal_error', 'x', { cause: new Error('1a'.repeat(10_000_000)) }), 500, 'internal_error'],
  ])('keeps the first one: %s', (_name, thrown, status, code) => {
    expect(respond(thrown)).toMatchObject({ status, error: { code, message: expect.stringMatching(/\S/) } });
  });

  it('answers although the log refuses its line', () => {
    const secrets = new SecretRegistry();
    vi.spyOn(secrets, 'redactText').mockImplementationOnce(() => {
      throw new RangeError('Maximum call stack size exceeded');
    });
    expect(respond(new ApiError('storage_unavailable', 'The disk is full.'), secrets)).toMatchObject({
      status: 503,
      error: { code: 'storage_unavailable', message: 'The disk is full.' },
    });
  });
});

describe('a line of the log that cannot be redacted', () => {
  it.each([true, false])('is told instead of thrown (JSON: %s)', (json_logs) => {
    const lines: string[] = [];
    const secrets = new SecretRegistry();
    vi.spyOn(secrets, 'redactText').mockImplementation(() => {
      throw new RangeError('Maximum call stack size exceeded');
    });
    const logger = new PinoLoggerService({ observability: { log_level: 'info', json_logs } } as never, secrets, {
      write: (line) => lines.push(line),
    });
    expect(() => logger.error('a secret matter')).not.toThrow();
    expect(lines.join('')).toMatch(/RangeError/);
    expect(lines.join('')).not.toContain('a secret matter');
  });

  it('is cut where somebody else’s text is without end', () => {
    const lines: string[] = [];
    const settings = { observability: { log_level: 'info', json_logs: true } };
    const logger = new PinoLoggerService(settings as never, new SecretRegistry(), { write: (line) => lines.push(line) });
    logger.error({ message: 'm '.repeat(1_000_000), cause: 'c '.repeat(1_000_000) }, 's '.repeat(1_000_000), 'Errors');
    expect(lines.join('').length).toBeLessThan(60_000);
    expect(JSON.parse(lines.join(''))).toMatchObject({ msg: expect.stringMatching(/^m m .* 2000000 characters/s), context: 'Errors' });
  });
});
