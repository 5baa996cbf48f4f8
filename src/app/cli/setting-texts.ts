/** What each setting means, for docs/operate/configuration.md. Where the schema describes a key itself, that text is used. */
export const SETTING_TEXTS: Readonly<Record<string, string>> = {
  'database.pool_size': 'Connections of one process to Postgres.',
  'database.timeout_seconds':
    'How long Postgres may take to give a connection, and to answer a statement, before the request fails; 0: for ever. A migration that runs, and `litegen reconcile`, have no limit.',
  'database.start_timeout_seconds': 'How long a start waits for a Postgres that does not answer yet; 0: not at all.',
  'database.migrate_on_start': 'Bring the schema up to date before serving. With `false`, run `npm run migrate` first.',
  'database.migration_wait_seconds':
    'How long a start, or `npm run migrate`, waits for its turn and for tables that others use (Postgres); then it is refused with what it waited for.',
  'redis.url': '`redis://` or, encrypted, `rediss://user:password@host:port/database`. Absent: every process counts for itself.',
  'redis.key_prefix': 'Before every key, where others use the same server.',
  'limits.keys.requests_per_minute': 'Requests per minute of each key without a limit of its own.',
  'limits.keys.max_in_flight':
    'Generations of each key without a limit of its own that vendors work on at once. Beyond, what asked to be asynchronous waits; the rest is refused.',
  'limits.keys.max_queued': 'Generations of each key without a limit of its own that wait for their turn. Beyond, requests are refused.',
  'limits.applications.requests_per_minute': 'Requests per minute of each application.',
  'limits.applications.max_in_flight':
    'Generations of each application that vendors work on at once. Beyond, what asked to be asynchronous waits; the rest is refused.',
  'limits.applications.max_queued': 'Generations of each application that wait for their turn. Beyond, requests are refused.',
  'limits.models.<id>.requests_per_minute':
    'Requests per minute of this model, or each model that fits this pattern (`fal/*`), over all callers.',
  'limits.models.<id>.max_in_flight':
    'Generations of this model, or each model that fits this pattern (`fal/*`), over all callers that vendors work on at once. Beyond, what asked to be asynchronous waits; the rest is refused.',
  'limits.models.<id>.max_queued':
    'Generations of this model, or each model that fits this pattern (`fal/*`), over all callers that wait for their turn. Beyond, requests are refused.',
  'limits.providers.<id>.requests_per_minute': 'Requests per minute of this vendor account, over all callers.',
  'limits.providers.<id>.max_in_flight':
    'Generations of this vendor account, over all callers that vendors work on at once. Beyond, what asked to be asynchronous waits; the rest is refused.',
  'limits.providers.<id>.max_queued':
    'Generations of this vendor account, over all callers that wait for their turn. Beyond, requests are refused.',
  'server.max_requests_in_flight':
    'Requests with a key that one process answers at the same time. Beyond, it answers 503 `over_capacity`, so that a balancer tries another.',
  'server.max_public_requests_in_flight':
    'As many requests to routes that ask for no key: signed links, vendors’ callbacks, documents. They take no place of those with a key.',
  'server.headers_timeout_seconds': 'How long a client may take to send the headers of a request.',
  'server.body_timeout_seconds': 'How long a client may take to send a whole request, files included.',
  'server.idle_timeout_seconds':
    'How long a client may stop sending in the middle of a body (408 `request_timeout`), or stop reading in the middle of an answer.',
  'server.host': 'The address to listen on. Anything but loopback needs `master_key`.',
  'server.port': 'The port to listen on; 0 takes a free one.',
  'server.public_url':
    'Where callers and vendors reach the gateway. Signed links and vendors’ callbacks need it behind a proxy. It may have a path, which the proxy takes off.',
  'server.body_limit_bytes': 'The largest JSON body.',
  'server.upload_limit_bytes': 'The largest file of a multipart form.',
  'server.drain_delay_seconds':
    'How long, after SIGTERM, requests are still taken while `/health/ready` already answers 503, so that balancers look elsewhere in time.',
  'server.shutdown_grace_seconds': 'How long a shutdown waits for calls to vendors. What is left is taken up by another process.',
  'server.trust_proxy':
    'Believe `X-Forwarded-*` headers: of whoever connects (only behind a proxy that sets them), or of these addresses and networks, such as `10.0.0.0/8`.',
  'server.allowed_hosts':
    'Names under which a gateway without a master key answers, beside those of this machine, `server.host` and the host of `server.public_url`. It refuses all others, because a page could make its own name lead here.',
  'cors.allowed_origins': 'Origins whose pages may call the API; `*` for any, none by default.',
  'cors.allow_credentials': 'Allow cookies from these origins. Has no effect with `*`.',
  'observability.log_level': 'The least severe line that is written.',
  'observability.trace_sample_ratio': 'Share of requests that are traced, unless the caller decided.',
  'providers.<id>.plugin': 'The plugin of this account, when it is a further instance under another name. Default: the id.',
  'providers.<id>.enabled': 'Whether the provider is used.',
  'providers.<id>.api_key': 'The credential. The vendor’s own variable, such as `OPENAI_API_KEY`, works as well.',
  'providers.<id>.key_id': 'The id of a key pair.',
  'providers.<id>.key_secret': 'The secret of a key pair.',
  'providers.<id>.region': 'The region, for vendors that have some.',
  'providers.<id>.secrets': 'Further secrets, by the names that the plugin’s manifest gives them.',
  'providers.<id>.api_base': 'Another base URL of the vendor’s API, such as your own server.',
  'providers.<id>.egress':
    'Where its results are downloaded from, beside `api_base`: origins, which may be private, and `public` for any public address. Default: what the plugin says it needs.',
  'providers.<id>.polls_per_second':
    'Questions about jobs per second with this credential, by all processes together. Default: what the plugin says that the vendor allows.',
  'providers.<id>.options': 'What only this plugin knows; see its README.',
  'plugins.directories': 'Folders with further plugins: one plugin, or a folder of plugins.',
  'plugins.disabled': 'Ids of plugins that are not used.',
  'plugins.strict': 'Refuse to start when any plugin cannot be used. By default only that plugin is left out.',
  cost_markup_percent: 'Added to every price and cost.',
  'storage.backend': 'Where files are kept: on disk, or in an S3 bucket.',
  'storage.path': 'The folder of the files; with S3, of files on their way.',
  'storage.path_prefix': 'The beginning of every object’s name in the bucket.',
  'storage.s3.bucket_name': 'The bucket.',
  'storage.s3.region': 'The bucket’s region.',
  'storage.s3.endpoint_url': 'For services other than AWS, such as MinIO.',
  'storage.s3.access_key_id': 'Absent: the usual sources of the AWS SDK.',
  'storage.s3.secret_access_key': 'Belongs to `access_key_id`.',
  'storage.link_ttl_seconds': 'How long a signed link to a file works.',
  'storage.sweep_interval_hours':
    'How often files are looked for that nothing refers to, such as those of requests that were refused; one process does so for all. 0: never.',
  'storage.sweep_grace_hours': 'How long such a file stays where it is before it is set aside, and again as long until it is deleted.',
  'engine.lease_seconds': 'How long a process that died keeps its generations from the others.',
  'engine.tick_ms': 'How often due generations are looked for.',
  'engine.max_concurrent_tasks':
    'Submissions to one vendor account at the same time in one process, and as many downloads of its files. Other vendors have their own.',
  'engine.max_concurrent_polls':
    'Questions to one vendor account at the same time in one process. Fewer, down to one, while it leaves them unanswered.',
  'engine.poll_timeout_seconds': 'How long a vendor may take to say how a job stands.',
  'engine.callback_poll_seconds': 'How often, at most, a job is asked about whose vendor has shown that its callbacks arrive.',
  'engine.polls_per_second':
    'By plugin id: questions per second to all accounts of one vendor together, by all processes together. Absent: no bound.',
  'engine.max_attempts': 'Tries per generation. Only what surely cost nothing is tried again.',
  'engine.image_deadline_seconds': 'When an image is given up, unless its model says otherwise.',
  'engine.video_deadline_seconds': 'When a video is given up, unless its model says otherwise.',
  'engine.result_grace_seconds':
    'For how long a finished result is fetched again whose link leads to nothing, or to something else than the image or video asked for.',
  'idempotency.retention_hours': 'How long an `Idempotency-Key` is remembered.',
  'idempotency.duplicate_guard_seconds':
    'For how long the same request, sent again after a broken connection, gets the first one’s generation; 0: never.',
  'cache.enabled': 'Whether there is a cache. A request uses it only when it, its key or `cache.models` says so.',
  'cache.default_ttl_seconds': 'How long the results of `cache.models` may be given again.',
  'cache.max_items': 'How many results one process remembers in memory. The database keeps all of them.',
  'cache.max_bytes': 'How much memory one process gives to them.',
  'cache.models': 'Models whose requests use the cache: catalogue ids, or patterns with `*`.',
  'quotes.ttl_seconds': 'For how long a price from `POST /v1/quote` is kept, at most a day.',
  'webhooks.timeout_seconds': 'How long a receiver may take to answer.',
  'webhooks.retry_schedule_seconds': 'Pauses between the attempts of one delivery; the last attempt follows the last pause.',
  'webhooks.endpoint_concurrency': 'Deliveries to one receiver at the same time.',
  'webhooks.max_concurrent_deliveries': 'Deliveries of one process at the same time.',
  'webhooks.breaker_failures': 'After so many failures in a row a receiver is left alone for a while.',
  'webhooks.breaker_pause_seconds': 'How long it is left alone.',
  'webhooks.disable_after_seconds': 'A receiver that has failed for so long is switched off.',
  'webhooks.rotation_grace_seconds': 'How long the old secret goes on signing beside the new one.',
  'webhooks.retention_days': 'How long deliveries are kept.',
  'events.streams_per_key':
    'Streams at `GET /v1/generations/{id}/events` that one process keeps open for one API key; the next is refused.',
  'egress.allow': 'Private hosts that references may come from: `host`, `host:port` or a CIDR.',
  'egress.allowed_ports': 'Ports that references may come from.',
  'media.max_reference_bytes': 'The largest reference file.',
  'media.max_output_bytes': 'The largest file taken from a vendor.',
  'media.max_pixels': 'The largest picture, in pixels, that is taken in.',
};
