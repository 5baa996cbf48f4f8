import { GenerationDetail, PUBLIC_STATUSES, type PublicStatus } from '../../../engine/generations/index.js';
import { ApiProperty } from '../../../platform/openapi/index.js';

const TIME = { type: String, format: 'date-time' } as const;

class GenerationProgress {
  @ApiProperty({ type: String, description: 'The generation.' })
  id!: string;

  @ApiProperty({ enum: PUBLIC_STATUSES })
  status!: PublicStatus;

  @ApiProperty({ type: 'integer', minimum: 0, maximum: 99 })
  progress!: number;
}

/** The data of `generation.status` and `generation.progress`. */
export class GenerationProgressEvent {
  @ApiProperty({ enum: ['generation.status', 'generation.progress'] })
  type!: 'generation.status' | 'generation.progress';

  @ApiProperty({ ...TIME, description: 'When the gateway noted what it tells.' })
  timestamp!: string;

  @ApiProperty({ type: GenerationProgress })
  data!: GenerationProgress;
}

/** The data of the last event; the same types as of webhooks. */
export class GenerationEndedEvent {
  @ApiProperty({ enum: ['generation.completed', 'generation.failed', 'generation.cancelled'] })
  type!: 'generation.completed' | 'generation.failed' | 'generation.cancelled';

  @ApiProperty({ ...TIME, description: 'When it ended.' })
  timestamp!: string;

  @ApiProperty({ type: GenerationDetail, description: 'As `GET /v1/generations/{id}` answers it.' })
  data!: GenerationDetail;
}
