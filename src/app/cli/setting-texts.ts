/** What each setting means, for docs/operate/configuration.md. Where the schema describes a key itself, that text is used. */
export const SETTING_TEXTS: Readonly<Record<string, string>> = {
  'database.pool_size': 'Connections of one process to Postgres.',
  'database.timeout_seconds':
    'How long Postgres may take to open a connection, and to answer a statement, before the request fails; 0: no limit. Migrations and `litegen reconcile` have none.',
  'database.start_timeout_seconds': 'How long the start waits for a Postgres that does not answer yet; 0: not at all.',
  'database.migrate_on_start': 'Bring the schema up to date before serving. With `false`, run `npm run migrate` first.',
  'database.migration_wait_seconds':
    'How long the start, or `npm run migrate`, waits for another migration and for locked tables (Postgres). After that it fails and says what it waited for.',
  'redis.url': '`redis://` or, encrypted, `rediss://user:password@host:port/database`. Without it, every process counts on its own.',
  'redis.key_prefix': 'Prefix of every key, for a server that is shared with other programs.',
  'limits.keys.requests_per_minute': 'Requests per minute of each key without a limit of its own.',
  'limits.keys.max_in_flight':
    'Generations in progress at vendors at once, for each key without a limit of its own. Beyond that, asynchronous requests wait and others are refused.',
  'limits.keys.max_queued':
    'Generations waiting for their turn, for each key without a limit of its own. Beyond that, requests are refused.',
  'limits.applications.requests_per_minute': 'Requests per minute of each application.',
  'limits.applications.max_in_flight':
    'Generations in progress at vendors at once, for each application. Beyond that, asynchronous requests wait and others are refused.',
  'limits.applications.max_queued': 'Generations waiting for their turn, for each application. Beyond that, requests are refused.',
  'limits.models.<id>.requests_per_minute':
    'Requests per minute for this model, or for each model that matches this pattern (`fal/*`), across all callers.',
  'limits.models.<id>.max_in_flight':
    'Generations in progress at once for this model, or for each model that matches this pattern (`fal/*`), across all callers. Beyond that, asynchronous requests wait and others are refused.',
  'limits.models.<id>.max_queued':
    'Generations waiting for their turn for this model, or for each model that matches this pattern (`fal/*`), across all callers. Beyond that, requests are refused.',
  'limits.providers.<id>.requests_per_minute': 'Requests per minute for this vendor account, across all callers.',
  'limits.providers.<id>.max_in_flight':
    'Generations in progress at once for this vendor account, across all callers. Beyond that, asynchronous requests wait and others are refused.',
  'limits.providers.<id>.max_queued':
    'Generations waiting for their turn for this vendor account, across all callers. Beyond that, requests are refused.',
  'server.max_requests_in_flight':
    'Authenticated requests that one process handles at once. Beyond that it answers 503 `over_capacity`, so that a load balancer tries another process.',
  'server.max_public_requests_in_flight':
    'Likewise for routes that need no key: signed links, vendors’ callbacks, documents. They do not count against authenticated requests.',
  'server.headers_timeout_seconds': 'How long a client may take to send a request’s headers.',
  'server.body_timeout_seconds': 'How long a client may take to send a whole request, files included.',
  'server.idle_timeout_seconds':
    'How long a client may stop sending in the middle of a body (408 `request_timeout`), or stop reading in the middle of an answer.',
  'server.host': 'The address to listen on. Anything but loopback needs `master_key`.',
  'server.port': 'The port to listen on; 0 takes a free one.',
  'server.public_url':
    'Where callers and vendors reach the gateway. Needed behind a proxy for signed links and vendors’ callbacks. It may have a path, which the proxy must strip.',
  'server.body_limit_bytes': 'The largest JSON body.',
  'server.upload_limit_bytes': 'The largest file of a multipart form.',
  'server.drain_delay_seconds':
    'How long requests are still accepted after SIGTERM while `/health/ready` already answers 503, so that load balancers have time to stop routing here.',
  'server.shutdown_grace_seconds': 'How long a shutdown waits for calls to vendors. Another process takes over what remains.',
  'server.trust_proxy':
    'Trust `X-Forwarded-*` headers: `true` for every peer (only behind a proxy that sets them), or a list of addresses and networks, such as `10.0.0.0/8`.',
  'server.allowed_hosts':
    'Host names that a gateway without a master key answers to, besides those of this machine, `server.host` and the host of `server.public_url`. It refuses all others, which protects it against DNS rebinding.',
  'cors.allowed_origins': 'Origins whose pages may call the API; `*` for any, none by default.',
  'cors.allow_credentials': 'Allow cookies from these origins. Has no effect with `*`.',
  'observability.log_level': 'The lowest severity that is logged.',
  'observability.trace_sample_ratio': 'Share of requests that are traced, unless the caller’s trace context decides.',
  'providers.<id>.plugin': 'The plugin of this account, for a second account of the same plugin under another name. Default: the id.',
  'providers.<id>.enabled': 'Whether the provider is used.',
  'providers.<id>.api_key': 'The credential. The vendor’s own variable, such as `OPENAI_API_KEY`, works as well.',
  'providers.<id>.key_id': 'The id of a key pair.',
  'providers.<id>.key_secret': 'The secret of a key pair.',
  'providers.<id>.region': 'The region, for vendors that have regions.',
  'providers.<id>.secrets': 'Further secrets, by the names that the plugin’s manifest gives them.',
  'providers.<id>.api_base': 'A different base URL for the vendor’s API, such as your own server.',
  'providers.<id>.egress':
    'Where results may be downloaded from, besides `api_base`: origins, which may be private, and `public` for any public address. Default: what the plugin declares.',
  'providers.<id>.polls_per_second':
    'Status polls per second with this credential, by all processes together. Default: what the plugin declares that the vendor allows.',
  'providers.<id>.options': 'Options of this plugin alone; see its README.',
  'plugins.directories': 'Directories of additional plugins: each is a plugin, or contains plugins.',
  'plugins.disabled': 'Ids of plugins that are not loaded.',
  'plugins.strict': 'Refuse to start when any plugin cannot be used. By default only that plugin is left out.',
  cost_markup_percent: 'Added to every price and cost.',
  'storage.backend': 'Where files are kept: on disk, or in an S3 bucket.',
  'storage.path': 'The directory for files; with S3, for files being transferred.',
  'storage.path_prefix': 'Prefix of every object key in the bucket.',
  'storage.s3.bucket_name': 'The bucket.',
  'storage.s3.region': 'The bucket’s region.',
  'storage.s3.endpoint_url': 'For services other than AWS, such as MinIO.',
  'storage.s3.access_key_id': 'Without it, the AWS SDK’s default credential chain is used.',
  'storage.s3.secret_access_key': 'The secret for `access_key_id`.',
  'storage.link_ttl_seconds': 'How long a signed link to a file is valid.',
  'storage.sweep_interval_hours':
    'How often unreferenced files, such as those of refused requests, are looked for; one process does this for all. 0: never.',
  'storage.sweep_grace_hours': 'How long such a file is left alone before it is set aside, and then again before it is deleted.',
  'engine.lease_seconds': 'How long a process may be silent before others take over its generations.',
  'engine.tick_ms': 'How often due generations are looked for.',
  'engine.max_concurrent_tasks':
    'Concurrent submissions to one vendor account in one process, and likewise concurrent downloads of its files.',
  'engine.max_concurrent_polls':
    'Concurrent status polls of one vendor account in one process. Reduced, down to one, while the vendor does not answer.',
  'engine.poll_timeout_seconds': 'How long a vendor may take to answer a status poll.',
  'engine.callback_poll_seconds': 'The shortest interval between polls of a job whose vendor’s callbacks are known to arrive.',
  'engine.polls_per_second':
    'By plugin id: status polls per second across all accounts of one vendor and all processes. Without it, no limit.',
  'engine.max_attempts': 'Attempts per generation. Only an attempt that certainly cost nothing is followed by another.',
  'engine.image_deadline_seconds': 'When an image is abandoned, unless its model says otherwise.',
  'engine.video_deadline_seconds': 'When a video is abandoned, unless its model says otherwise.',
  'engine.result_grace_seconds':
    'How long a finished result is fetched again if its link does not work, or returns something other than the requested image or video.',
  'idempotency.retention_hours': 'How long an `Idempotency-Key` is remembered.',
  'idempotency.duplicate_guard_seconds':
    'How long an identical request that follows a broken connection is answered with the first one’s generation; 0: never.',
  'cache.enabled': 'Whether there is a cache. A request uses it only if the request, its key or `cache.models` says so.',
  'cache.default_ttl_seconds': 'How long results of `cache.models` may be reused.',
  'cache.max_items': 'How many results one process keeps in memory. The database keeps all of them.',
  'cache.max_bytes': 'How much memory one process uses for them.',
  'cache.models': 'Models whose requests use the cache: catalogue ids, or patterns with `*`.',
  'quotes.ttl_seconds': 'How long a price from `POST /v1/quote` is honored; at most a day.',
  'webhooks.timeout_seconds': 'How long a receiver may take to answer.',
  'webhooks.retry_schedule_seconds': 'Pauses between the attempts of one delivery; the last attempt follows the last pause.',
  'webhooks.endpoint_concurrency': 'Concurrent deliveries to one receiver.',
  'webhooks.max_concurrent_deliveries': 'Concurrent deliveries by one process.',
  'webhooks.breaker_failures': 'After this many consecutive failures, deliveries to a receiver pause.',
  'webhooks.breaker_pause_seconds': 'How long they pause.',
  'webhooks.disable_after_seconds': 'A receiver that has failed for this long is disabled.',
  'webhooks.rotation_grace_seconds': 'How long the old secret signs alongside the new one.',
  'webhooks.retention_days': 'How long deliveries are kept.',
  'events.streams_per_key':
    'Streams at `GET /v1/generations/{id}/events` that one process keeps open for one API key; the next is refused.',
  'egress.allow': 'Private hosts that references may be fetched from: `host`, `host:port` or a CIDR.',
  'egress.allowed_ports': 'Ports that references may be fetched from.',
  'media.max_reference_bytes': 'The largest reference file.',
  'media.max_output_bytes': 'The largest file that is accepted from a vendor.',
  'media.max_pixels': 'The largest image, in pixels, that is accepted.',
};
