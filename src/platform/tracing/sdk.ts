import type { Config } from '../config/index.js';
import { traceFromNowOn } from './engine-span.js';

/** Stops exporting after what is buffered was sent. */
export type StopTracing = () => Promise<void>;

/** Loads the OpenTelemetry SDK only when traces have somewhere to go; without it nothing is imported and nothing is spent. */
export async function startTracing(config: Config): Promise<StopTracing | undefined> {
  if (config.otlp_endpoint === undefined) return undefined;
  const [{ NodeSDK, tracing, resources }, { OTLPTraceExporter }, { HttpInstrumentation }, { UndiciInstrumentation }] = await Promise.all([
    import('@opentelemetry/sdk-node'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/instrumentation-http'),
    import('@opentelemetry/instrumentation-undici'),
  ]);
  const endpoint = config.otlp_endpoint.replace(/\/$/, '');
  const sdk = new NodeSDK({
    resource: resources.resourceFromAttributes({ 'service.name': 'litegen' }),
    traceExporter: new OTLPTraceExporter({ url: endpoint.endsWith('/v1/traces') ? endpoint : `${endpoint}/v1/traces` }),
    sampler: new tracing.ParentBasedSampler({ root: new tracing.TraceIdRatioBasedSampler(config.observability.trace_sample_ratio) }),
    // Metrics are Prometheus's and logs are pino's; without these the SDK would send its own of both.
    metricReaders: [],
    logRecordProcessors: [],
    instrumentations: [
      new HttpInstrumentation({ ignoreIncomingRequestHook: ({ url }) => url === '/metrics' || url?.startsWith('/health') === true }),
      new UndiciInstrumentation(),
    ],
  });
  sdk.start();
  traceFromNowOn();
  return () => sdk.shutdown();
}
