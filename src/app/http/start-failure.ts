import { Clock, StartRefusal } from '../../platform/common/index.js';
import { ConfigError, wantsJsonLogs } from '../../platform/config/index.js';

/** Why there can be no server at an address, by Node's code. */
const LISTEN_FAILURES: Readonly<Record<string, (host: string, port: number) => string>> = {
  EADDRINUSE: (host, port) =>
    `server.port: ${port} of ${host} is taken by another program; end it, or choose another with LITEGEN__SERVER__PORT`,
  EACCES: (_host, port) => `server.port: ${port} may not be used by this user; choose one from 1024 on with LITEGEN__SERVER__PORT`,
  EADDRNOTAVAIL: (host) => `server.host: ${host} is no address of this machine`,
  ENOTFOUND: (host) => `server.host: there is no host ${host}; expected an address of this machine, such as 127.0.0.1 or 0.0.0.0`,
  EAI_AGAIN: (host) => `server.host: ${host} cannot be looked up at the moment`,
};

/** A failure to listen as one that names the setting. */
export function listenRefusal(error: unknown, { host, port }: { readonly host: string; readonly port: number }): unknown {
  const sentence = LISTEN_FAILURES[(error as NodeJS.ErrnoException).code ?? ''];
  return sentence === undefined ? error : new ConfigError([sentence(host, port)]);
}

/** One sentence for each problem; what nobody foresaw comes with where it happened. */
function problemsOf(error: unknown): readonly string[] {
  if (error instanceof ConfigError) return error.problems;
  if (error instanceof StartRefusal) return [error.message];
  return [error instanceof Error ? (error.stack ?? error.message) : String(error)];
}

/** For people at a terminal a sentence each; where logs are JSON, one line of it. */
export function tellStartFailure(error: unknown): void {
  const problems = problemsOf(error);
  // The settings may be what failed.
  if (!(wantsJsonLogs() ?? !process.stderr.isTTY)) {
    process.stderr.write(`LiteGen did not start:\n${problems.map((problem) => `  - ${problem}`).join('\n')}\n`);
    return;
  }
  const line = {
    level: 'fatal',
    time: new Clock().now().toISOString(),
    context: 'Start',
    msg: `LiteGen did not start: ${problems.join('; ')}`,
  };
  process.stderr.write(`${JSON.stringify(line)}\n`);
}
