const ENCODED = 'characters such as @ : / ? # % in a user or password are written as %40 %3A %2F %3F %23 %25';
const SSL_MODES = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'];

/** Why a URL with a user and password cannot be what was meant. Shows no part of it. Undefined: it can. */
function urlProblem(text: string): string | undefined {
  const [, authority = ''] = /^[a-z]+:\/\/([^/?#]*)/i.exec(text) ?? [];
  const hosts = authority.slice(authority.lastIndexOf('@') + 1);
  if (hosts.includes(',')) return 'names several hosts; name one, such as that of a pooler or a balancer before them';
  if (!URL.canParse(text)) return `is no URL; ${ENCODED}`;
  const { username, password, pathname, search, hash } = new URL(text);
  // What follows a bare `/`, `?` or `#` of a password was taken for the path.
  const strayed = [pathname, hash, /^\?[^=&]*@/.test(search) ? search : ''].some((part) => part.includes('@'));
  if (strayed) return `has an @ behind its host; ${ENCODED}`;
  try {
    for (const part of [username, password, pathname]) decodeURIComponent(part);
  } catch {
    return `has a % that is no part of an encoded character; ${ENCODED}`;
  }
  return undefined;
}

export function databaseUrlProblem(url: string): string | undefined {
  if (url.startsWith('sqlite:')) return undefined;
  const problem = urlProblem(url);
  if (problem !== undefined) return problem;
  const mode = new URL(url).searchParams.get('sslmode');
  if (mode !== null && !SSL_MODES.includes(mode)) return `has an sslmode that is not known; expected one of ${SSL_MODES.join(', ')}`;
  return undefined;
}

export function redisUrlProblem(url: string): string | undefined {
  const problem = urlProblem(url);
  if (problem !== undefined) return problem;
  if (!/^(\/\d*)?$/.test(new URL(url).pathname)) return 'has a path that is no number of a database, such as /0';
  return undefined;
}
