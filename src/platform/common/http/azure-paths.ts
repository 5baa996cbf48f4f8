import type { IncomingMessage } from 'node:http';

/** What Azure's clients call a model is part of the path, slashes and all; its `api-version` means nothing here. */
const DEPLOYMENT = /^\/openai\/deployments\/(.+)(\/images\/(?:generations|edits))$/;
/** What belongs to no deployment. Azure's newer clients use `/openai/v1`, which stands for OpenAI's own. */
const OTHERS = /^\/openai(?:\/v1)?(\/(?:images|videos|models)(?:\/.*)?)$/;
const V1 = /^\/openai(\/v1\/.*)$/;

const deployments = new WeakMap<IncomingMessage, string>();

/** Our address for one of OpenAI's or Azure's: a doubled slash is no reason for a 404. */
export function rewriteUrl(request: IncomingMessage): string {
  const url = withoutOrigin(request.url ?? '/');
  const end = url.indexOf('?');
  const path = (end === -1 ? url : url.slice(0, end)).replace(/\/{2,}/g, '/');
  const asked = end === -1 ? '' : url.slice(end);
  if (!path.startsWith('/openai/')) return path + asked;
  const query = withoutVersion(asked);
  const [, deployment, route] = DEPLOYMENT.exec(path) ?? [];
  if (deployment !== undefined && route !== undefined) {
    deployments.set(request, decoded(deployment));
    return `/v1${route}${query}`;
  }
  const other = OTHERS.exec(path)?.[1];
  if (other !== undefined) return `/v1${other}${query}`;
  return (V1.exec(path)?.[1] ?? path) + query;
}

/** Clients that take the gateway for their proxy send the whole URL (RFC 9112, section 3.2.2). */
function withoutOrigin(target: string): string {
  const path = target.replace(/^https?:\/\/[^/?#]*/i, '');
  return path === target || path.startsWith('/') ? path : `/${path}`;
}

/** The model that the path of an Azure client named, which counts before the body's. */
export function deploymentOf(request: { readonly raw: IncomingMessage }): string | undefined {
  return deployments.get(request.raw);
}

/** Every route has one version here. The rest stays as it was written. */
function withoutVersion(query: string): string {
  const rest = query
    .slice(1)
    .split('&')
    .filter((pair) => pair !== '' && !/^api-version(?:=|$)/i.test(pair));
  return rest.length === 0 ? '' : `?${rest.join('&')}`;
}

/** What is no percent-encoding is a model's name as it stands. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
