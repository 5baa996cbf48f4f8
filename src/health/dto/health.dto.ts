import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';

export class LivenessResponse {
  @ApiProperty({ enum: ['alive'] })
  status!: 'alive';
}

class ReadinessChecks {
  @ApiProperty({ description: 'Whether the database answers.' })
  db!: boolean;

  @ApiPropertyOptional({
    description:
      'Whether Redis answers, where it is configured. Without it the process is ready, and what may spend of limited keys is refused.',
  })
  redis?: boolean;

  @ApiProperty({ type: [String], description: 'Providers that can be called.' })
  providers!: string[];

  @ApiProperty({ description: 'Whether this process is shutting down.' })
  draining!: boolean;
}

export class ReadinessResponse {
  @ApiProperty({ enum: ['ready', 'not_ready'] })
  status!: 'ready' | 'not_ready';

  @ApiProperty({ type: ReadinessChecks })
  checks!: ReadinessChecks;
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
