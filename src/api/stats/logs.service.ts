import { Injectable } from '@nestjs/common';
import type { Reach } from '../../domain/access/index.js';
import { formatSize } from '../../domain/catalog/index.js';
import type { AssetEntity } from '../../domain/storage/index.js';
import {
  type GenerationEntity,
  type GenerationFilter,
  GenerationsQueries,
  isTerminal,
  type Linker,
  type LoggedGeneration,
  publicStatus,
} from '../../engine/generations/index.js';
import { ApiError, Clock, endOf, microsToUsd, pageInfo, pageRequest, timeOf } from '../../platform/common/index.js';
import { csvLine } from './csv.js';
import type { ListLogsQuery, LogListResponse, RequestArtifact, RequestLog } from './dto/log.dto.js';

const MAX_CSV_ROWS = 10_000;
const CSV_COLUMNS = ['id', 'model', 'provider', 'status', 'media_type', 'cost_usd', 'latency_ms', 'created_at', 'error'] as const;

/** The log of requests is a view of the generations. */
@Injectable()
export class LogsService {
  constructor(
    private readonly queries: GenerationsQueries,
    private readonly clock: Clock,
  ) {}

  async page(reach: Reach, query: ListLogsQuery): Promise<LogListResponse> {
    const found = await this.queries.page(reach, filterOf(query), pageRequest(query));
    const now = this.clock.nowMs();
    return { data: found.rows.map((generation) => toLog(generation, now)), ...pageInfo(query, found) };
  }

  /** A header and at most 10,000 rows, written as they are read. */
  async *csv(reach: Reach, query: ListLogsQuery): AsyncGenerator<string> {
    const now = this.clock.nowMs();
    yield csvLine(CSV_COLUMNS);
    for await (const batch of this.queries.stream(reach, filterOf(query), MAX_CSV_ROWS)) {
      yield batch.map((generation) => toCsvLine(toLog(generation, now))).join('');
    }
  }

  /** `logs-20261120.csv` */
  csvName(): string {
    return `logs-${this.clock.now().toISOString().slice(0, 10).replaceAll('-', '')}.csv`;
  }

  /** @throws ApiError `not_found` */
  async artifact(reach: Reach, id: string, link: Linker): Promise<RequestArtifact> {
    const view = await this.queries.find(reach, id);
    if (view === null) throw new ApiError('not_found', `There is no log ${id}.`, { param: 'id' });
    const { generation, inputs, outputs } = view;
    const { prompt, n, params, extra } = generation.request;
    const { negative_prompt: negativePrompt, size, ...others } = params;
    const [first] = outputs;
    return {
      request_id: generation.id,
      media_type: generation.mediaType,
      prompt,
      negative_prompt: negativePrompt ?? null,
      params_json: {
        n,
        ...(size === undefined ? {} : { size: sizeText(size) }),
        ...others,
        ...(Object.keys(extra).length === 0 ? {} : { extra }),
      },
      refs_meta_json: inputs.map(({ role, sourceUrl, ...file }) => ({
        role,
        kind: sourceUrl === null ? 'upload' : 'url',
        source_summary: sourceUrl ?? describeFile(file),
      })),
      ...outputOf(generation, first, link),
      output_truncated: false,
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
): Pick<RequestArtifact, 'output_kind' | 'output_value' | 'output_mime' | 'error_message'> {
  const { errorMessage } = generation;
  if (first !== undefined) {
    return { output_kind: 'url', output_value: link(first), output_mime: first.contentType, error_message: errorMessage };
  }
  // LiteGen's dashboard takes a link that is not there for one that will be, and shows the message of an error alone.
  if (!isTerminal(generation.status)) return { output_kind: 'url', output_value: null, output_mime: null, error_message: null };
  const message = errorMessage ?? (generation.status === 'cancelled' ? 'The generation was cancelled.' : 'Its files are no longer kept.');
  return { output_kind: 'error', output_value: message, output_mime: null, error_message: message };
}

function sizeText(size: NonNullable<GenerationEntity['request']['params']['size']>): string {
  return size === 'auto' ? size : formatSize(size);
}

function describeFile({ contentType, bytes, width, height }: Pick<AssetEntity, 'contentType' | 'bytes' | 'width' | 'height'>): string {
  return `${contentType}, ${bytes} bytes${width === null || height === null ? '' : `, ${width}x${height}`}`;
}

function toLog(generation: LoggedGeneration & Partial<Pick<GenerationEntity, 'metadata'>>, nowMs: number): RequestLog {
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
    ...(generation.metadata == null ? {} : { metadata: generation.metadata }),
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
    fromMs: from === undefined ? undefined : timeOf('from', from).ms,
    toMs: to === undefined ? undefined : endOf(timeOf('to', to)),
  };
}
