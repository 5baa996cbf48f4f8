import { ApiProperty, ApiPropertyOptional } from '../../../platform/openapi/index.js';

export class LivenessResponse {
  @ApiProperty({ enum: ['alive'] })
  status!: 'alive';
}

class ReadinessChecks {
  @ApiProperty({ description: 'Whether the database takes what is written and answers it.' })
  db!: boolean;

  @ApiPropertyOptional({
    description:
      'Whether requests can be counted in Redis, where it is configured, found out by counting one. Without it the process is ready, and what may spend of limited keys is refused.',
  })
  redis?: boolean;

  @ApiProperty({ description: 'Whether what vendors deliver can be stored: there is room on the disks and the file store takes it.' })
  storage!: boolean;

  @ApiProperty({ type: [String], description: 'Providers that can be called.' })
  providers!: string[];

  @ApiProperty({
    type: [String],
    description: 'Plugins that this process no longer calls, because of their faults, until it is started again.',
  })
  plugins_taken_out!: string[];

  @ApiProperty({ description: 'Whether this process is shutting down.' })
  draining!: boolean;
}

export class ReadinessResponse {
  @ApiProperty({ enum: ['ready', 'not_ready'] })
  status!: 'ready' | 'not_ready';

  @ApiProperty({ type: ReadinessChecks })
  checks!: ReadinessChecks;

  @ApiProperty({ type: [String], description: 'What is wrong, a sentence each, also where the process is ready all the same.' })
  reasons!: string[];
}

class ProviderHealth {
  @ApiProperty()
  provider!: string;

  @ApiProperty({ description: 'False when the last call failed for a reason that lies with the vendor or with its account.' })
  healthy!: boolean;

  @ApiProperty({ type: String, nullable: true })
  message!: string | null;

  @ApiProperty({ type: 'integer', nullable: true, description: 'Until the vendor accepted or answered the last call.' })
  latency_ms!: number | null;

  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'When the last call ended; null without a recent one.' })
  last_checked!: string | null;
}

class CacheStatus {
  @ApiProperty()
  enabled!: boolean;

  @ApiProperty({ type: 'integer' })
  entries!: number;
}

export class HealthResponse {
  @ApiProperty({ enum: ['healthy', 'degraded'] })
  status!: 'healthy' | 'degraded';

  @ApiProperty({ type: [ProviderHealth] })
  providers!: ProviderHealth[];

  @ApiProperty({ type: CacheStatus })
  cache!: CacheStatus;
}
