import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startCompatibleSimulator } from 'litegen-provider-openai-compatible/simulator';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Gateway, startGateway } from '../support/gateway.js';

interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
}

const SERVER = 2;
const CLIENT = 3;
const CALLER_TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

/** Receives what the OTLP exporter sends, as JSON. */
function startCollector(): Promise<{ server: Server; url: string; spans: Span[] }> {
  const spans: Span[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString()) as { resourceSpans: { scopeSpans: { spans: Span[] }[] }[] };
      spans.push(...body.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)));
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  return new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () => resolve({ server, spans, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })),
  );
}

describe('tracing', () => {
  let gateway: Gateway;
  let collector: Awaited<ReturnType<typeof startCollector>>;
  let vendor: Awaited<ReturnType<typeof startCompatibleSimulator>>;

  beforeAll(async () => {
    collector = await startCollector();
    vendor = await startCompatibleSimulator({ flavour: 'vllm-omni' });
    gateway = await startGateway({
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, LITEGEN__PROVIDERS__OPENAI_COMPATIBLE__API_BASE: vendor.apiBase },
    });
  });

  afterAll(async () => {
    await gateway.stop();
    await vendor.close();
    collector.server.closeAllConnections();
    collector.server.close();
  });

  it('joins the caller, the request, the engine and the call to the vendor in one trace', async () => {
    const response = await fetch(`${gateway.url}/v1/images/generations`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', traceparent: `00-${CALLER_TRACE}-00f067aa0ba902b7-01` },
      body: JSON.stringify({ model: 'openai-compatible/image', prompt: 'a traced picture', response_format: 'url' }),
    });
    expect([response.status, await response.text()]).toMatchObject([200, expect.any(String)]);
    await gateway.stop();

    const trace = collector.spans.filter(({ traceId }) => traceId === CALLER_TRACE);
    const server = trace.find(({ kind }) => kind === SERVER);
    const dispatch = trace.find(({ name }) => name === 'generation.dispatch');
    const client = trace.find(({ kind, parentSpanId }) => kind === CLIENT && parentSpanId === dispatch?.spanId);
    expect(server?.parentSpanId).toBe('00f067aa0ba902b7');
    expect(dispatch).toBeDefined();
    expect(client).toBeDefined();
    const received = vendor.requests.find(({ path }) => path.endsWith('/images/generations'));
    expect(received?.headers['traceparent']).toBe(`00-${CALLER_TRACE}-${client?.spanId}-01`);
  });
});
