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
const BASE64_RUN = /(?:data:[\w.+-]+\/[\w.+-]+;base64,)?[A-Za-z0-9+/_-]{160,}={0,2}/g;
/** Long enough and with a digit, so that "key reference_images" stays a sentence. */
const CREDENTIAL = /\b(Bearer|Basic|Key|Token)\s+(?=\S*\d)[A-Za-z0-9._~+/:-]{12,}=*/gi;

const escapePattern = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

function withoutCredentials(text: string): string {
  return text.replace(CREDENTIAL, `$1 ${REDACTED}`).replace(BASE64_RUN, (run) => `[${run.length} characters of base64]`);
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

  /** For log lines and error messages: secrets, header credentials and long base64 runs are replaced. */
  redactText(text: string): string {
    return withoutCredentials(this.pattern === undefined ? text : text.replace(this.pattern, REDACTED));
  }
}
