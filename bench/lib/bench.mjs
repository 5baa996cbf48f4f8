// What scenarios have in common: the processes beside the gateway, and runs of the load generator.

import { Helper } from './children.mjs';
import { expectNoErrors } from './errors.mjs';
import { cpuMs, pin } from './process-facts.mjs';

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

export function pinAll(pids, cores) {
  return pids.every((pid) => pin(pid, cores));
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
