import { z } from 'zod';
import { configuredHost } from './hosts.js';
import { flag, listOf, network, number } from './values.js';

const words = listOf(z.string());
const seconds = number(z.number().positive());
const secondsUpTo = (most: number) => number(z.number().positive().max(most));
const rate = number(z.number().positive().max(100_000));
const bytes = number(z.number().int().positive());
const whole = (least: number, most?: number) =>
  number(most === undefined ? z.number().int().min(least) : z.number().int().min(least).max(most));
const amount = (least: number, most: number) => number(z.number().min(least).max(most));

/** In the working directory, where it need not be. */
export const DEFAULT_MODELS_DIRECTORY = 'models';

/** Thirty days. */
export const MAX_CACHE_TTL_SECONDS = 2_592_000;

/** One vendor account. Unlisted keys are refused; what only one vendor needs goes under `options`. */
const provider = z.strictObject({
  /** Default: the entry's own name. */
  plugin: z.string().optional(),
  enabled: flag.default(true),
  api_key: z.string().optional(),
  key_id: z.string().optional(),
  key_secret: z.string().optional(),
  region: z.string().optional(),
  /** Further secrets by the manifest's names. */
  secrets: z.record(z.string(), z.string()).default({}),
  api_base: z.url({ protocol: /^https?$/ }).optional(),
  /** Where its outputs may come from: `public`, and origins. */
  egress: words.optional(),
  polls_per_second: rate.optional(),
  options: z.record(z.string(), z.json()).default({}),
});

const s3 = z.strictObject({
  bucket_name: z.string().min(1),
  region: z.string().default('us-east-1'),
  endpoint_url: z.url().optional(),
  access_key_id: z.string().optional(),
  secret_access_key: z.string().optional(),
});

const limits = z.strictObject({
  requests_per_minute: whole(1).optional(),
  max_in_flight: whole(1).optional(),
  max_queued: whole(0).optional(),
});

/** Every key of `litegen.yaml`, and by `LITEGEN__A__B` of the environment. docs/operate/configuration.md is generated from it. */
export const configSchema = z.strictObject({
  mode: z.enum(['single_tenant', 'hosted']).default('single_tenant').describe('One default organization, or many.'),
  role: z.enum(['all', 'api', 'worker']).default('all').describe('Serve requests, watch jobs, or both.'),
  master_key: z.string().optional().describe('The key that may do everything. Required unless bound to loopback.'),
  allow_no_auth: flag.default(false).describe('Start without a master key on an address that others can reach.'),
  secrets_key: z.base64().optional().describe('Base64 of 32 bytes; encrypts secrets at rest.'),
  database_url: z
    .string()
    .regex(/^(sqlite|postgres|postgresql):/, 'expected sqlite://… or postgres://…')
    .default('sqlite://data/litegen.db')
    .describe('sqlite://path, sqlite://:memory: or postgres://user:password@host/database.'),
  database: z
    .strictObject({
      pool_size: whole(1, 500).default(10),
      timeout_seconds: amount(0, 3600).default(10),
      start_timeout_seconds: amount(0, 3600).default(60),
      migrate_on_start: flag.default(true),
      migration_wait_seconds: amount(0, 86_400).default(300),
    })
    .prefault({})
    .describe('Connections per process and how long they are waited for (Postgres), and whether start migrates.'),
  redis: z
    .strictObject({
      url: z
        .string()
        .regex(/^rediss?:\/\//, 'expected redis://… or rediss://…')
        .optional(),
      key_prefix: z.string().default('litegen:'),
    })
    .prefault({})
    .describe('Makes rates and caches common to all replicas. The database stays the authority for money, jobs and leases.'),
  limits: z
    .strictObject({
      keys: limits.prefault({}),
      applications: limits.prefault({}),
      models: z.record(z.string(), limits).default({}),
      providers: z.record(z.string(), limits).default({}),
    })
    .prefault({})
    .describe('How often may be called, and how many generations may be under way or wait. Absent: no bound.'),
  server: z
    .strictObject({
      host: z.string().default('127.0.0.1'),
      port: whole(0, 65535).default(4000),
      public_url: z.url({ protocol: /^https?$/ }).optional(),
      body_limit_bytes: bytes.default(26_214_400),
      upload_limit_bytes: bytes.default(67_108_864),
      drain_delay_seconds: amount(0, 300).default(5),
      shutdown_grace_seconds: seconds.default(30),
      max_requests_in_flight: whole(1).default(12_000),
      max_public_requests_in_flight: whole(1).default(1_000),
      headers_timeout_seconds: secondsUpTo(600).default(20),
      body_timeout_seconds: secondsUpTo(86_400).default(600),
      idle_timeout_seconds: secondsUpTo(3600).default(60),
      trust_proxy: z.union([flag, listOf(network)]).default(false),
      allowed_hosts: words
        .refine(
          (hosts) => hosts.every((host) => configuredHost(host) !== undefined),
          'expected host names or addresses, without scheme and port',
        )
        .default([]),
    })
    .prefault({}),
  cors: z.strictObject({ allowed_origins: words.default([]), allow_credentials: flag.default(false) }).prefault({}),
  observability: z
    .strictObject({
      log_level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
      json_logs: flag.optional().describe('JSON lines, or lines for people. Default: JSON unless the output is a terminal.'),
      trace_sample_ratio: amount(0, 1).default(1),
    })
    .prefault({}),
  otlp_endpoint: z.url().optional().describe('Where traces go; OTEL_EXPORTER_OTLP_ENDPOINT sets it. Absent: no tracing is loaded.'),
  providers: z
    .record(z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'expected a name of lower-case letters, digits and hyphens'), provider)
    .default({}),
  plugins: z
    .strictObject({ directories: words.default([]), disabled: words.default([]), strict: flag.default(false) })
    .prefault({})
    .describe('Folders with further plugins, ids to leave out, and whether a bad plugin stops the start.'),
  models_directory: z.string().default(DEFAULT_MODELS_DIRECTORY).describe('The operator’s capability YAML; LITEGEN_MODELS_DIR sets it.'),
  retired_models: z
    .enum(['alias', 'refuse'])
    .default('alias')
    .describe(
      'What the name of a model does that its vendor has switched off: stand for its successor, which the answer tells, or be refused with `model_sunset`.',
    ),
  strict: flag
    .default(true)
    .describe(
      'Whether what a model does not take is refused, or mapped and dropped. A request says it first, then its key, then its application, then this.',
    ),
  applications: z
    .record(
      z.guid('expected the id of an application, a UUID'),
      z.strictObject({ strict: flag.optional().describe('`strict` for this application, whose id is the `app_id` of its keys.') }),
    )
    .default({}),
  cost_markup_percent: amount(0, 10_000).default(0),
  storage: z
    .strictObject({
      backend: z.enum(['local', 's3']).default('local'),
      path: z.string().default('data/blobs'),
      path_prefix: z.string().default('litegen'),
      s3: s3.optional(),
      link_ttl_seconds: seconds.default(3600),
      sweep_interval_hours: amount(0, 8760).default(24),
      sweep_grace_hours: amount(1, 8760).default(24),
    })
    .prefault({}),
  engine: z
    .strictObject({
      lease_seconds: secondsUpTo(30).default(30),
      tick_ms: whole(50, 10_000).default(250),
      max_concurrent_tasks: whole(1, 10_000).default(256),
      max_concurrent_polls: whole(1, 10_000).default(128),
      poll_timeout_seconds: secondsUpTo(300).default(15),
      callback_poll_seconds: secondsUpTo(3600).default(60),
      polls_per_second: z.record(z.string(), rate).default({}),
      max_attempts: whole(1, 10).default(3),
      image_deadline_seconds: seconds.default(900),
      video_deadline_seconds: seconds.default(3600),
      result_grace_seconds: secondsUpTo(600).default(60),
    })
    .prefault({}),
  idempotency: z
    .strictObject({
      retention_hours: amount(72, 8760).default(72),
      duplicate_guard_seconds: amount(0, 600).default(30),
    })
    .prefault({})
    .describe(
      'How long an Idempotency-Key is remembered, and for how long a repetition after a broken connection is not bought again (0: never).',
    ),
  cache: z
    .strictObject({
      enabled: flag.default(false),
      default_ttl_seconds: number(z.number().int().positive().max(MAX_CACHE_TTL_SECONDS)).default(3600),
      max_items: number(z.number().int().positive()).default(10_000),
      max_bytes: bytes.default(33_554_432),
      models: words.default([]),
    })
    .prefault({})
    .describe('Answers repetitions from earlier results, for those who ask for it.'),
  quotes: z
    .strictObject({ ttl_seconds: secondsUpTo(86_400).default(900) })
    .prefault({})
    .describe('For how long a price from `POST /v1/quote` is kept.'),
  webhooks: z
    .strictObject({
      timeout_seconds: secondsUpTo(30).default(15),
      retry_schedule_seconds: listOf(seconds)
        .refine((pauses) => pauses.length > 0, 'expected at least one pause')
        .default([5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]),
      endpoint_concurrency: whole(1, 1000).default(10),
      max_concurrent_deliveries: whole(2, 10_000).default(128),
      breaker_failures: whole(2, 1000).default(5),
      breaker_pause_seconds: secondsUpTo(900).default(30),
      disable_after_seconds: seconds.default(432_000),
      rotation_grace_seconds: whole(0, 604_800).default(86_400),
      retention_days: amount(7, 3650).default(30),
    })
    .prefault({})
    .describe('Delivery of events: pauses between attempts, how much at a time, and when a receiver that fails is left alone.'),
  events: z
    .strictObject({ streams_per_key: whole(1, 100_000).default(100) })
    .prefault({})
    .describe('Streams of events at `GET /v1/generations/{id}/events` that one process keeps open for one API key.'),
  egress: z
    .strictObject({
      allow: words.default([]),
      allowed_ports: listOf(number(z.number().int().min(1).max(65_535))).default([80, 443, 8080, 8443]),
    })
    .prefault({})
    .describe('Private hosts (host, host:port or CIDR) that reference images may come from, and the ports that are open.'),
  media: z
    .strictObject({
      max_reference_bytes: bytes.default(52_428_800),
      max_output_bytes: bytes.default(2_147_483_648),
      max_pixels: number(z.number().int().positive()).default(50_000_000),
    })
    .prefault({}),
});

/** The validated settings. Names are those of `litegen.yaml`. */
export type Config = z.infer<typeof configSchema>;
export type ProviderConfig = Config['providers'][string];

/** The injection token of {@link Config}. */
export const CONFIG = Symbol('litegen.config');
