import type { CallWarning, Charged, JsonObject } from '@litegen/plugin-sdk';
import { MODALITY_NAMES, type Modality, OPERATIONS } from '../../../domain/catalog/index.js';
import { ErrorDetail, PageInfo } from '../../../platform/common/index.js';
import { ApiProperty, ApiPropertyOptional } from '../../../platform/openapi/index.js';
import { PUBLIC_STATUSES, type PublicStatus } from '../model/generation.status.js';
import type { AttemptState, HoldState, Operation, StoredReceipt, StoredUsage } from '../model/generation.types.js';
import { GENERATION_EVENT_TYPES, type GenerationEventType } from '../model/generation-event.types.js';

const TIME = { type: String, format: 'date-time' } as const;
const OPTIONAL_TIME = { ...TIME, nullable: true } as const;
const OPTIONAL_TEXT = { type: String, nullable: true } as const;
const OPTIONAL_COUNT = { type: 'integer', nullable: true } as const;
const OBJECT = { type: 'object', additionalProperties: true } as const;

export class GenerationOutput {
  @ApiProperty()
  id!: string;

  @ApiProperty({ format: 'uri', description: 'A signed link that works without a key, for a while. Ask again for a fresh one.' })
  url!: string;

  @ApiProperty({ example: 'image/png' })
  content_type!: string;

  @ApiProperty({ type: 'integer' })
  bytes!: number;

  @ApiProperty(OPTIONAL_COUNT)
  width!: number | null;

  @ApiProperty(OPTIONAL_COUNT)
  height!: number | null;

  @ApiProperty(OPTIONAL_COUNT)
  duration_ms!: number | null;

  @ApiProperty({ ...OPTIONAL_TEXT, description: 'The prompt that the vendor really used, when it says so.' })
  revised_prompt!: string | null;
}

export class GenerationFailureDetail extends ErrorDetail {
  @ApiPropertyOptional({ enum: ['no', 'yes', 'unknown'], description: 'Whether the vendor bills for it.' })
  charged?: Charged;
}

/** A request for media, whatever became of it. */
export class Generation {
  @ApiProperty({ example: 'litegen-img-8f14e45fceea167a5a36dedd4bea2543' })
  id!: string;

  @ApiProperty({ ...OPTIONAL_TEXT, description: 'The API key that asked; null for the master key.' })
  key_id!: string | null;

  @ApiProperty({ description: 'Catalogue id.', example: 'mock/paint' })
  model!: string;

  @ApiProperty({ description: 'The model as the caller named it.' })
  requested_model!: string;

  @ApiProperty({ example: 'mock' })
  provider!: string;

  @ApiProperty({ enum: MODALITY_NAMES })
  media_type!: Modality;

  @ApiProperty({ enum: OPERATIONS })
  operation!: Operation;

  @ApiProperty({ enum: PUBLIC_STATUSES })
  status!: PublicStatus;

  @ApiProperty({ type: 'integer', minimum: 0, maximum: 100 })
  progress!: number;

  @ApiProperty({ ...OPTIONAL_TEXT, description: 'The vendor’s id of its job.' })
  provider_job_id!: string | null;

  @ApiProperty({ ...OPTIONAL_TEXT, description: 'Link to the first output.' })
  result_url!: string | null;

  @ApiProperty({ type: [GenerationOutput] })
  outputs!: GenerationOutput[];

  @ApiProperty(OPTIONAL_TEXT)
  error_message!: string | null;

  @ApiProperty({ type: GenerationFailureDetail, nullable: true })
  error!: GenerationFailureDetail | null;

  @ApiProperty({ description: 'US dollars; 0 until it is known. `hold` says what is reserved meanwhile.' })
  cost_usd!: number;

  @ApiProperty({
    ...OPTIONAL_TEXT,
    description: '`vendor_reported`, `usage`, `catalog`, `quote`, `not_charged`, `cache` or `operator`; null while it is not known.',
  })
  cost_source!: string | null;

  @ApiProperty({ ...OPTIONAL_TEXT, description: 'The generation whose result this one got from the cache, or for whose result it waits.' })
  cached_from!: string | null;

  @ApiProperty(OPTIONAL_TIME)
  cancel_requested_at!: string | null;

  @ApiProperty(TIME)
  created_at!: string;

  @ApiProperty({ ...OPTIONAL_TIME, description: 'When the vendor was first called.' })
  started_at!: string | null;

  @ApiProperty(OPTIONAL_TIME)
  completed_at!: string | null;

  @ApiProperty({ ...OBJECT, nullable: true, description: 'As the caller gave it.' })
  metadata!: JsonObject | null;

  @ApiProperty()
  org_id!: string;

  @ApiProperty()
  app_id!: string;
}

export class GenerationListResponse extends PageInfo {
  @ApiProperty({ type: [Generation] })
  data!: Generation[];
}

class GenerationRequestDetail {
  @ApiProperty()
  prompt!: string;

  @ApiProperty({ type: 'integer' })
  n!: number;

  @ApiProperty({ ...OBJECT, description: 'Under the names of the model’s schema.' })
  params!: object;

  @ApiProperty(OBJECT)
  extra!: JsonObject;

  @ApiProperty({ type: [String], description: 'Roles of the reference media, in their order.' })
  reference_roles!: readonly string[];

  @ApiProperty()
  strict!: boolean;

  @ApiProperty({ ...OPTIONAL_TEXT, description: 'The end user whom the caller named.' })
  user!: string | null;

  @ApiProperty({ ...OPTIONAL_TEXT, description: 'Where the caller wanted the events of this generation.' })
  webhook_url!: string | null;

  @ApiProperty({ enum: GENERATION_EVENT_TYPES, isArray: true, nullable: true })
  webhook_events!: GenerationEventType[] | null;
}

class GenerationHold {
  @ApiProperty({ description: 'US dollars.' })
  amount_usd!: number;

  @ApiProperty({ enum: ['held', 'settled', 'released'] })
  state!: HoldState;
}

export class GenerationQuote {
  @ApiProperty({ ...OPTIONAL_TEXT, description: 'The quote whose price was promised for it.' })
  id!: string | null;

  @ApiProperty({ description: 'What it was expected to cost, US dollars.' })
  amount_usd!: number;

  @ApiProperty({ description: 'What was reserved, US dollars.' })
  ceiling_usd!: number;

  @ApiProperty({ description: 'Whether the price depended on nothing that only the vendor can count.' })
  exact!: boolean;
}

class GenerationAttempt {
  @ApiProperty()
  id!: string;

  @ApiProperty({ type: 'integer', description: 'From 1.' })
  ordinal!: number;

  @ApiProperty()
  provider!: string;

  @ApiProperty()
  model!: string;

  @ApiProperty({ enum: ['sent', 'accepted', 'not_sent', 'rejected', 'unknown', 'succeeded', 'failed', 'cancelled'] })
  state!: AttemptState;

  @ApiProperty({ ...OPTIONAL_TEXT, enum: ['no', 'yes', 'unknown', null], description: 'Whether the vendor bills for it.' })
  charged!: Charged | null;

  @ApiProperty(OPTIONAL_TEXT)
  provider_job_id!: string | null;

  @ApiProperty({ ...OPTIONAL_TEXT, description: 'For the vendor’s support desk.' })
  provider_request_id!: string | null;

  @ApiProperty(OPTIONAL_TEXT)
  error_code!: string | null;

  @ApiProperty(OPTIONAL_TEXT)
  error_message!: string | null;

  @ApiProperty({ type: 'array', items: OBJECT, description: 'Options that the plugin adjusted or could not use.' })
  warnings!: readonly CallWarning[];

  @ApiProperty(TIME)
  created_at!: string;

  @ApiProperty(OPTIONAL_TIME)
  accepted_at!: string | null;

  @ApiProperty(OPTIONAL_TIME)
  finished_at!: string | null;
}

/** Everything that is known about a generation. */
export class GenerationDetail extends Generation {
  @ApiProperty({ type: GenerationRequestDetail })
  request!: GenerationRequestDetail;

  @ApiProperty({ ...OBJECT, description: 'What became of every field of the request: applied, mapped, emulated, dropped.' })
  receipt!: StoredReceipt;

  @ApiProperty({ type: GenerationQuote })
  quote!: GenerationQuote;

  @ApiProperty({ type: GenerationHold })
  hold!: GenerationHold;

  @ApiProperty({ ...OBJECT, nullable: true, description: 'Counts that the vendor reported.' })
  usage!: StoredUsage | null;

  @ApiProperty({
    type: Number,
    nullable: true,
    description: 'The least that any budget on which it is counted has left, US dollars. Null: nothing is bounded.',
  })
  budget_remaining_usd!: number | null;

  @ApiProperty({ type: [GenerationAttempt] })
  attempts!: GenerationAttempt[];
}
