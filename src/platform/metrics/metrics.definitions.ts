import { makeCounterProvider, makeGaugeProvider, makeHistogramProvider } from '@willsoto/nestjs-prometheus';

/** Seconds: from a cache hit to a quarter of an hour of video. */
const DURATION_BUCKETS = [0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 20, 40, 60, 120, 240, 480, 900];
const LAG_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300];

/** Labels come from the registry and the catalogue, never from a client's raw text. */
export const METRIC_PROVIDERS = [
  makeCounterProvider({
    name: 'litegen_http_requests_total',
    help: 'HTTP requests by route pattern, method and status.',
    labelNames: ['route', 'method', 'status'],
  }),
  makeHistogramProvider({
    name: 'litegen_http_request_duration_seconds',
    help: 'Time until the response was sent.',
    labelNames: ['route', 'method'],
    buckets: DURATION_BUCKETS,
  }),
  makeGaugeProvider({ name: 'litegen_http_requests_in_flight', help: 'HTTP requests that are being answered.' }),
  makeCounterProvider({
    name: 'litegen_generations_total',
    help: 'Generations that reached their end.',
    labelNames: ['app', 'model', 'provider', 'operation', 'status'],
  }),
  makeHistogramProvider({
    name: 'litegen_generation_duration_seconds',
    help: 'From admission to the end.',
    labelNames: ['model', 'operation', 'status'],
    buckets: DURATION_BUCKETS,
  }),
  makeGaugeProvider({
    name: 'litegen_generation_tasks_in_flight',
    help: 'Submissions, polls and downloads that run in this process, by vendor account.',
    labelNames: ['provider', 'kind'],
  }),
  makeGaugeProvider({
    name: 'litegen_poll_limit',
    help: 'Polls of a vendor account that this process may have under way; falls when the vendor leaves them unanswered.',
    labelNames: ['provider'],
  }),
  makeCounterProvider({
    name: 'litegen_generation_cost_usd_total',
    help: 'Cost of completed generations, US dollars.',
    labelNames: ['app', 'model', 'provider'],
  }),
  makeCounterProvider({
    name: 'litegen_cache_requests_total',
    help: 'Requests that use the cache, or said that they would not, by what came of it: hit, miss or bypass.',
    labelNames: ['result'],
  }),
  makeCounterProvider({
    name: 'litegen_provider_errors_total',
    help: 'Failed calls to vendors by code.',
    labelNames: ['provider', 'model', 'code'],
  }),
  makeCounterProvider({
    name: 'litegen_provider_unknown_status_total',
    help: 'Status words of vendors that no plugin knows.',
    labelNames: ['provider', 'model'],
  }),
  makeCounterProvider({
    name: 'litegen_plugin_faults_total',
    help: 'Errors of plugins that no call reports: thrown in a timer, rejected unseen, or a call that did not end when it was given up.',
    labelNames: ['plugin', 'kind'],
  }),
  makeGaugeProvider({
    name: 'litegen_plugin_taken_out',
    help: '1 for a plugin that this process no longer calls, because of its faults.',
    labelNames: ['plugin'],
  }),
  makeHistogramProvider({
    name: 'litegen_queue_lag_seconds',
    help: 'How late due generations were taken up, by what they waited for.',
    labelNames: ['kind'],
    buckets: LAG_BUCKETS,
  }),
  makeCounterProvider({
    name: 'litegen_capacity_refusals_total',
    help: 'Requests refused because a limit of work under way or of waiting work was reached.',
    labelNames: ['scope', 'limit'],
  }),
  makeCounterProvider({ name: 'litegen_limiter_unavailable_total', help: 'Requests that could not be counted because Redis was away.' }),
  makeHistogramProvider({
    name: 'litegen_webhook_attempt_duration_seconds',
    help: 'Requests to webhook receivers by outcome.',
    labelNames: ['outcome'],
    buckets: DURATION_BUCKETS,
  }),
  makeHistogramProvider({
    name: 'litegen_webhook_lag_seconds',
    help: 'From an event to the first attempt to deliver it.',
    buckets: LAG_BUCKETS,
  }),
  makeGaugeProvider({ name: 'litegen_webhook_deliveries_in_flight', help: 'Requests to webhook receivers that run in this process.' }),
  makeCounterProvider({
    name: 'litegen_webhook_endpoints_disabled_total',
    help: 'Webhook endpoints that were disabled because they failed or were gone.',
    labelNames: ['reason'],
  }),
];
