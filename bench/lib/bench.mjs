// What scenarios have in common: the processes beside the gateway, and runs of the load generator.

import { Helper } from './children.mjs';
import { expectNoErrors } from './errors.mjs';
import { coreSplit, cpuMs, pin } from './process-facts.mjs';
import { number } from './report.mjs';

/** V8 has compiled and settled what a request needs after about so many. */
const WARM_REQUESTS = 10_000;
/** For servers that take longer than that. */
const WARM_UP_MS = { full: 9000, quick: 2000 };

/** Starts helper processes, hands them over, and ends them however the work ends. */
export async function withHelpers(names, work) {
  const helpers = names.map((name) => new Helper(name));
  try {
    return await work(...helpers);
  } finally {
    await Promise.all(helpers.map((helper) => helper.stop()));
  }
}

/** Hands a started gateway over and stops it however the work ends. On failure its last log lines are shown. */
export async function withGateway(starting, work) {
  const gateway = await starting;
  try {
    return await work(gateway);
  } catch (error) {
    console.error(`\n--- last lines of the gateway ---\n${gateway.logs()}`);
    throw error;
  } finally {
    await gateway.stop();
  }
}

/** One run of the load generator with the CPU that the server used per request. */
export async function measure(load, what, order, serverPid) {
  const cpuBefore = serverPid === undefined ? 0 : cpuMs(serverPid);
  const result = expectNoErrors(what, await load.call('run', order));
  const cpuMsPerRequest = serverPid === undefined ? Number.NaN : (cpuMs(serverPid) - cpuBefore) / result.requests;
  return { ...result, cpuMsPerRequest };
}

/** Sends requests until the server is as fast as it will be. Answers `{name, requests}`, for {@link warmUpNote}. */
export async function warmUp(load, name, order, isQuick) {
  const most = { requests: WARM_REQUESTS, durationMs: WARM_UP_MS[isQuick ? 'quick' : 'full'] };
  const { requests } = await measure(load, `warm-up of ${name}`, { ...order, ...most });
  return { name, requests };
}

/** Says who was measured before it had answered as many requests as a warm-up takes. */
export function warmUpNote(warmUps, isQuick) {
  const short = warmUps.filter(({ requests }) => requests < WARM_REQUESTS);
  if (short.length === 0) return `Warm-up: ${WARM_REQUESTS} requests each.`;
  const seconds = number(WARM_UP_MS[isQuick ? 'quick' : 'full'] / 1000);
  const counts = short.map(({ name, requests }) => `${name} ${requests}`).join(', ');
  return `Warm-up: ${WARM_REQUESTS} requests each, at most ${seconds} s${isQuick ? ' because of --quick' : ''}; fewer: ${counts}.`;
}

export function pinAll(pids, cores) {
  return pids.every((pid) => pin(pid, cores));
}

/**
 * Gives the servers under test the first core and everything else the others, this process included, while the work lasts; hands over
 * whether the machine allows that. `database`: processes of a database server, some of which may have ended by now.
 */
export async function withCores({ servers, others, database = [] }, work) {
  const split = coreSplit();
  const isPinned = split !== undefined && pinAll(servers, split.server) && pinAll([...others, process.pid], split.others);
  // Those that serve a connection inherit it from the first.
  if (isPinned) for (const pid of database) pin(pid, split.others);
  try {
    return await work(isPinned);
  } finally {
    if (isPinned) pinAll([process.pid], `0-${split.others.split('-').at(-1)}`);
  }
}

export function coresNote(isPinned) {
  return isPinned
    ? 'Servers under test on the first core, everything else on the others.'
    : 'Nothing was bound to a core: no taskset, or one core only.';
}

export function imageOrder(url, model, key, more = {}) {
  return {
    url,
    path: '/v1/images/generations',
    headers: { 'content-type': 'application/json', ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) },
    body: JSON.stringify({
      model,
      prompt: 'a red fox under a teal sky',
      n: 1,
      size: '1024x1024',
      quality: 'high',
      response_format: 'b64_json',
    }),
    ...more,
  };
}
