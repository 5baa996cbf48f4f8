import { context, propagation, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';

interface TracedGeneration {
  readonly id: string;
  readonly model: string;
  readonly provider: string;
  readonly operation: string;
  /** W3C `traceparent` of the request that began it. */
  readonly traceParent: string | null;
}

const tracer = trace.getTracer('litegen.engine');

/** While nobody traces, spans are not even asked for. */
let isTracing = false;

export function traceFromNowOn(): void {
  isTracing = true;
}

/** Continues the caller's trace in the engine, also in another process. */
export function engineSpan<T>(name: string, generation: TracedGeneration, work: () => Promise<T>): Promise<T> {
  if (!isTracing) return work();
  const parent =
    trace.getActiveSpan() === undefined && generation.traceParent !== null
      ? propagation.extract(context.active(), { traceparent: generation.traceParent })
      : context.active();
  const attributes = {
    'litegen.generation.id': generation.id,
    'gen_ai.request.model': generation.model,
    'gen_ai.provider.name': generation.provider,
    'gen_ai.operation.name': generation.operation,
  };
  return tracer.startActiveSpan(name, { kind: SpanKind.INTERNAL, attributes }, parent, (span) => ended(span, work));
}

/** Puts every call of a method into a span of its own. */
export function Traced(name: string) {
  return <A extends unknown[], T>(
    _prototype: object,
    _method: string,
    descriptor: TypedPropertyDescriptor<(...values: A) => Promise<T>>,
  ): void => {
    const method = descriptor.value as (...values: A) => Promise<T>;
    descriptor.value = function traced(this: unknown, ...values: A): Promise<T> {
      if (!isTracing) return method.apply(this, values);
      return tracer.startActiveSpan(name, (span) => ended(span, () => method.apply(this, values)));
    };
  };
}

async function ended<T>(span: Span, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.message : String(error) });
    throw error;
  } finally {
    span.end();
  }
}

/** The active span as a W3C `traceparent`, to be kept with a row. */
export function currentTraceParent(): string | null {
  if (!isTracing) return null;
  const carrier: Record<string, string> = {};
  propagation.inject(context.active(), carrier);
  return carrier['traceparent'] ?? null;
}
