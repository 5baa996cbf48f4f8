import { hasExampleMasterKey } from './exposure.js';
import { isUnfilled } from './placeholders.js';
import type { Config } from './schema.js';

/** Settings that are secret by their names. */
export const SECRET_SETTINGS: ReadonlySet<string> = new Set([
  'master_key',
  'secrets_key',
  'api_key',
  'key_id',
  'key_secret',
  'access_key_id',
  'secret_access_key',
]);

const SET = '[set]';

/** Passwords stand in URLs as well: the database's, a proxy's, an endpoint's. The last `@` ends them, whatever stands before it. */
export function withoutCredentials(text: string): string {
  return text
    .replace(/([a-z][a-z0-9+.-]*:\/\/)([^\s?#]*)@/gi, (_match, scheme: string, userinfo: string) => {
      const [user = ''] = userinfo.split(':');
      return `${scheme}${userinfo.includes(':') ? `${user}:${SET}` : user}@`;
    })
    .replace(/([?&](?:[\w-]*(?:password|passwd|secret|token|key))=)[^&\s#"]+/gi, `$1${SET}`);
}

/** The password of a URL. Undefined: it has none, or is none. */
export function passwordOf(url: string | undefined): string | undefined {
  if (url === undefined || !URL.canParse(url)) return undefined;
  const { password } = new URL(url);
  try {
    return decodeURIComponent(password) || undefined;
  } catch {
    return password;
  }
}

/** Why a text cannot be the secret that was meant: a place to be filled, or one that came in a shell's or a file's wrapping. */
export function secretProblem(secret: string): string | undefined {
  if (isUnfilled(secret)) return 'is a placeholder that nothing has replaced; variables are replaced in litegen.yaml alone';
  if (/^(["'`]).*\1$/s.test(secret)) return 'has quotes around it, which would be a part of it; leave them out';
  // No header could carry it.
  if (/[\p{Cc}]/u.test(secret)) return 'has a line break or another control character in it; set the secret alone';
  return undefined;
}

/** One line for each secret that cannot be what was meant. Nobody could tell them from real ones otherwise. */
export function unusableSecrets(config: Config): string[] {
  const unusable = secretsOf(config, []).flatMap(([path, secret]) => {
    const problem = secretProblem(secret);
    return problem === undefined ? [] : [`${path}: ${problem}`];
  });
  if (!hasExampleMasterKey(config)) return unusable;
  return [...unusable, 'master_key: is a well-known example; set a long random value, such as `openssl rand -hex 32` prints, or none'];
}

function secretsOf(value: unknown, path: readonly string[]): [path: string, secret: string][] {
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).flatMap(([key, member]) => secretsOf(member, [...path, key]));
  }
  if (typeof value !== 'string') return [];
  const isSecret = SECRET_SETTINGS.has(path.at(-1) ?? '') || path.at(-2) === 'secrets';
  const secret = isSecret ? value : passwordOf(value);
  return secret === undefined ? [] : [[path.join('.'), secret]];
}
