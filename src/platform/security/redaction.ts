import { Injectable } from '@nestjs/common';

/** Replaces what must not be shown. */
export const REDACTED = '[redacted]';

/** Shorter values would blank out ordinary words. */
const MIN_SECRET_LENGTH = 6;

const SECRET_NAMES = [
  'authorization',
  '["proxy-authorization"]',
  'cookie',
  '["set-cookie"]',
  '["x-api-key"]',
  '["api-key"]',
  '["x-goog-api-key"]',
  '["xi-api-key"]',
  'api_key',
  'apiKey',
  'key_secret',
  'keySecret',
  'secret',
  'secrets',
  'secrets_key',
  'secret_access_key',
  'master_key',
  'password',
  'token',
  'access_token',
  'signature',
];

const bare = (name: string): string => name.replace(/^\["|"\]$/g, '');
const BARE_NAMES = new Set(SECRET_NAMES.map(bare));

/** False when no name says so: then {@link redactPaths}, which costs more than the rest of a line, has nothing to find. */
export function mayCarrySecrets(fields: Readonly<Record<string, unknown>>): boolean {
  return Object.entries(fields).some(([name, value]) => BARE_NAMES.has(name) || (typeof value === 'object' && value !== null));
}

/** For pino's `redact.paths`: secret-bearing names at the top, one and two levels down, and in a request's headers. */
export function redactPaths(): string[] {
  const below = (prefix: string, name: string): string => (name.startsWith('[') ? `${prefix}${name}` : `${prefix}.${name}`);
  return SECRET_NAMES.flatMap((name) => [
    name,
    below('*', name),
    below('*.*', name),
    below('req.headers', name),
    below('res.headers', name),
  ]);
}

/** Runs that only encoded files have. A SHA-256 in hex is 64 characters, a signed JWT part rarely more than 120. */
const SHORTEST_FILE = 160;
const LONGEST_PREFIX = 120;
const DATA_URL_PREFIX = /data:[\w.+-]+\/[\w.+-]+;base64,$/;
const CREDENTIAL_NAME = /(?:Bearer|Basic|Key|Token)\s+/gi;
/** Before a name: nothing of a word, or a character that JSON escapes. */
const BEFORE_NAME = /(?:^|\W|\\(?:[bfnrt]|u[\da-f]{4}))$/i;
/** So that "key reference_images" stays a sentence, it has to have a digit as well. */
const SHORTEST_CREDENTIAL = 12;

const BASE64 = charactersOf(/[A-Za-z0-9+/_-]/);
const CREDENTIAL = charactersOf(/[A-Za-z0-9._~+/:-]/);
const EQUALS = 0x3d;
const BACKSLASH = 0x5c;

const escapePattern = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Which of the first 128 characters a class has. */
function charactersOf(pattern: RegExp): Uint8Array {
  return Uint8Array.from({ length: 128 }, (_, code) => (pattern.test(String.fromCharCode(code)) ? 1 : 0));
}

/** Where a run of such characters ends. Loops, because a regular expression runs out of stack on a run of megabytes. */
function endOfRun(text: string, start: number, characters: Uint8Array): number {
  let at = start;
  while (at < text.length && characters[text.charCodeAt(at)] === 1) at += 1;
  return at;
}

function skipEquals(text: string, start: number, most: number): number {
  let at = start;
  while (at < text.length && at < start + most && text.charCodeAt(at) === EQUALS) at += 1;
  return at;
}

/** The text may be JSON: the letter behind a backslash belongs to that, and taking it would break the line. */
function afterEscape(text: string, start: number): number {
  let backslashes = 0;
  while (text.charCodeAt(start - 1 - backslashes) === BACKSLASH) backslashes += 1;
  if (backslashes % 2 === 0) return start;
  return start + (text[start] === 'u' ? 5 : 1);
}

/** A run of that length covers a multiple of it, so only those are looked at. */
function withoutFiles(text: string): string {
  let shown = '';
  let done = 0;
  for (let at = SHORTEST_FILE - 1; at < text.length; at += SHORTEST_FILE) {
    if (at < done || BASE64[text.charCodeAt(at)] !== 1) continue;
    let start = at;
    while (start > done && BASE64[text.charCodeAt(start - 1)] === 1) start -= 1;
    start = Math.max(done, afterEscape(text, start));
    const end = endOfRun(text, at, BASE64);
    if (end - start < SHORTEST_FILE) continue;
    const prefix = DATA_URL_PREFIX.exec(text.slice(Math.max(done, start - LONGEST_PREFIX), start))?.[0] ?? '';
    const whole = skipEquals(text, end, 2);
    shown += `${text.slice(done, start - prefix.length)}[${whole - start + prefix.length} characters of base64]`;
    done = whole;
  }
  return done === 0 ? text : shown + text.slice(done);
}

/** What follows a name of a credential, as they stand in headers. */
function withoutCredentials(text: string): string {
  let shown = '';
  let done = 0;
  CREDENTIAL_NAME.lastIndex = 0;
  for (let match = CREDENTIAL_NAME.exec(text); match !== null; match = CREDENTIAL_NAME.exec(text)) {
    const start = CREDENTIAL_NAME.lastIndex;
    const end = endOfRun(text, start, CREDENTIAL);
    if (end - start < SHORTEST_CREDENTIAL || !hasDigit(text, start)) continue;
    if (!BEFORE_NAME.test(text.slice(Math.max(0, match.index - 6), match.index))) continue;
    shown += `${text.slice(done, start).trimEnd()} ${REDACTED}`;
    done = skipEquals(text, end, Number.POSITIVE_INFINITY);
    CREDENTIAL_NAME.lastIndex = done;
  }
  return done === 0 ? text : shown + text.slice(done);
}

/** Up to the next blank. */
function hasDigit(text: string, start: number): boolean {
  for (let at = start; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code >= 0x30 && code <= 0x39) return true;
    if (code <= 0x20) return false;
  }
  return false;
}

/** A text without the given secrets, without credentials as they stand in headers, and without encoded files. */
export function redact(text: string, secrets: readonly string[]): string {
  const registry = new SecretRegistry();
  registry.add(...secrets);
  return registry.redactText(text);
}

/** Every secret value that this process has loaded, so that none is ever written down. */
@Injectable()
export class SecretRegistry {
  private readonly forms = new Set<string>();
  private pattern: RegExp | undefined;

  add(...secrets: readonly (string | undefined)[]): void {
    for (const secret of secrets) {
      if (secret === undefined || secret.length < MIN_SECRET_LENGTH) continue;
      // As it stands in a URL, in JSON and in an encoded credential.
      const forms = [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1), Buffer.from(secret).toString('base64')];
      for (const form of forms) this.forms.add(form);
    }
    // The longest first, so that a secret which contains another leaves nothing behind.
    const ordered = [...this.forms].sort((a, b) => b.length - a.length);
    this.pattern = ordered.length === 0 ? undefined : new RegExp(ordered.map(escapePattern).join('|'), 'g');
  }

  private withoutSecrets(text: string): string {
    return this.pattern === undefined
      ? text
      : text.replace(this.pattern, (secret, at: number) => secret.slice(0, afterEscape(text, at) - at) + REDACTED);
  }

  /** For log lines and error messages: secrets, header credentials and long base64 runs are replaced. */
  redactText(text: string): string {
    return withoutFiles(withoutCredentials(this.withoutSecrets(text)));
  }
}
