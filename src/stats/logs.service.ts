import { Injectable } from '@nestjs/common';
import type { Tenant } from '../auth/index.js';
import { ApiError, Clock, microsToUsd, pageInfo } from '../common/index.js';
import { type GenerationEntity, type GenerationFilter, GenerationsQueries, type Linker, publicStatus } from '../generations/index.js';
import type { AssetEntity } from '../storage/index.js';
import { csvLine } from './csv.js';
import type { ListLogsQuery, LogListResponse, RequestArtifact, RequestLog } from './dto/log.dto.js';

const MAX_CSV_ROWS = 10_000;
const DAY_MS = 86_400_000;
const CSV_COLUMNS = ['id', 'model', 'provider', 'status', 'media_type', 'cost_usd', 'latency_ms', 'created_at', 'error'] as const;

/** The log of requests is a view of the generations. */
@Injectable()
export class LogsService {
  constructor(
    private readonly queries: GenerationsQueries,
    private readonly clock: Clock,
  ) {}

  async page(tenant: Tenant, query: ListLogsQuery): Promise<LogListResponse> {
    const { total, generations } = await this.queries.page(tenant, filterOf(query), { page: query.page, perPage: query.per_page });
    const now = this.clock.nowMs();
    return { data: generations.map((generation) => toLog(generation, now)), ...pageInfo(query, total) };
  }

  /** A header and at most 10,000 rows, written as they are read. */
  async *csv(tenant: Tenant, query: ListLogsQuery): AsyncGenerator<string> {
    const now = this.clock.nowMs();
    yield csvLine(CSV_COLUMNS);
    for await (const batch of this.queries.stream(tenant, filterOf(query), MAX_CSV_ROWS)) {
      yield batch.map((generation) => toCsvLine(toLog(generation, now))).join('');
    }
  }

  /** `logs-20261120.csv` */
  csvName(): string {
    return `logs-${this.clock.now().toISOString().slice(0, 10).replaceAll('-', '')}.csv`;
  }

  /** @throws ApiError `not_found` */
  async artifact(tenant: Tenant, id: string, link: Linker): Promise<RequestArtifact> {
    const view = await this.queries.find(tenant, id);
    if (view === null) throw new ApiError('not_found', `There is no log ${id}.`, { param: 'id' });
    const { generation, inputs, outputs } = view;
    const { prompt, n, params, extra } = generation.request;
    const { negative_prompt: negativePrompt, ...others } = params;
    const [first] = outputs;
    return {
      request_id: generation.id,
      media_type: generation.mediaType,
      prompt,
      negative_prompt: negativePrompt ?? null,
      params_json: { n, ...others, ...(Object.keys(extra).length === 0 ? {} : { extra }) },
      refs_meta_json: inputs.map(({ role, sourceUrl, ...file }) => ({
        role,
        kind: sourceUrl === null ? 'upload' : 'url',
        source_summary: sourceUrl ?? describeFile(file),
      })),
      ...outputOf(generation, first, link),
      output_truncated: false,
      error_message: generation.errorMessage,
      created_at: new Date(generation.createdAt).toISOString(),
      org_id: generation.orgId,
      app_id: generation.appId,
    };
  }
}

function outputOf(
  generation: GenerationEntity,
  first: AssetEntity | undefined,
  link: Linker,
): Pick<RequestArtifact, 'output_kind' | 'output_value' | 'output_mime'> {
  if (first !== undefined) return { output_kind: 'url', output_value: link(first), output_mime: first.contentType };
  if (generation.errorMessage !== null) return { output_kind: 'error', output_value: generation.errorMessage, output_mime: null };
  return { output_kind: null, output_value: null, output_mime: null };
}

function describeFile({ contentType, bytes, width, height }: Pick<AssetEntity, 'contentType' | 'bytes' | 'width' | 'height'>): string {
  return `${contentType}, ${bytes} bytes${width === null || height === null ? '' : `, ${width}x${height}`}`;
}

function toLog(generation: GenerationEntity, nowMs: number): RequestLog {
  return {
    id: generation.id,
    model: generation.model,
    provider: generation.provider,
    status: publicStatus(generation.status),
    media_type: generation.mediaType,
    cost_usd: microsToUsd(generation.costMicros ?? 0),
    latency_ms: Math.max(0, (generation.completedAt ?? nowMs) - generation.createdAt),
    created_at: new Date(generation.createdAt).toISOString(),
    ...(generation.cachedFrom === null ? {} : { cached_from: generation.cachedFrom }),
    ...(generation.errorMessage === null ? {} : { error: generation.errorMessage }),
    ...(generation.metadata === null ? {} : { metadata: generation.metadata }),
  };
}

function toCsvLine(log: RequestLog): string {
  return csvLine(CSV_COLUMNS.map((column) => log[column]));
}

function filterOf({ model, provider, status, from, to }: ListLogsQuery): GenerationFilter {
  return {
    model,
    provider,
    status,
    fromMs: from === undefined ? undefined : startOf(from, 'from'),
    toMs: to === undefined ? undefined : startOf(to, 'to') + (isDay(to) ? DAY_MS - 1 : 0),
  };
}

function isDay(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text);
}

/** A time without an offset is UTC, whatever zone the server runs in. */
function startOf(text: string, param: 'from' | 'to'): number {
  const zoned = isDay(text) || /(z|[+-]\d{2}:?\d{2})$/i.test(text) ? text : `${text}Z`;
  const time = Date.parse(zoned);
  if (Number.isNaN(time))
    throw new ApiError('param_invalid_type', `${param} is not a date or time, such as 2026-11-20T18:00:00Z.`, { param });
  return time;
}
