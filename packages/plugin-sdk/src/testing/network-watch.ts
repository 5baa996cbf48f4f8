import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe } from 'node:diagnostics_channel';

/** What code under watch opened by itself, in words for people. */
type Sightings = string[];

const scope = new AsyncLocalStorage<Sightings | undefined>();
let subscribed = false;

function sight(what: string): void {
  scope.getStore()?.push(what);
}

/** Node's own channels see `http`, `https`, the global `fetch` and plain sockets, however a plugin reaches them. */
function subscribeOnce(): void {
  if (subscribed) return;
  subscribed = true;
  subscribe('http.client.request.start', (message) => {
    const { request } = message as { request: { protocol: string; host: string; path: string } };
    sight(`${request.protocol}//${request.host}${request.path}`);
  });
  subscribe('undici:request:create', (message) => {
    const { request } = message as { request: { origin?: string | URL; path: string } };
    sight(`${String(request.origin)}${request.path}`);
  });
  subscribe('net.client.socket', () => sight('a socket'));
}

/** Runs code and what it sets off, and notes every connection that it opens past `call.fetch`. */
export function watched<T>(sightings: Sightings, run: () => T): T {
  subscribeOnce();
  return scope.run(sightings, run);
}

/** Runs the test call's own transport, which is the way out that a plugin may take. */
export function guarded<T>(run: () => T): T {
  return scope.run(undefined, run);
}
