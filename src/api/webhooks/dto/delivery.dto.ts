import { DELIVERY_STATES, type DeliveryState, EVENT_TYPES, type EventType } from '../../../engine/webhooks/index.js';
import { IsTime, IsUndefinable, PageInfo, PageQuery, TIME_OR_DAY } from '../../../platform/common/index.js';
import { ApiProperty, ApiPropertyOptional } from '../../../platform/openapi/index.js';
import { IsIn } from '../../../platform/validation/index.js';

const TIME_OR_NULL = { type: String, format: 'date-time', nullable: true } as const;
const TEXT_OR_NULL = { type: String, nullable: true } as const;
const STATUS_OR_NULL = { type: 'integer', nullable: true } as const;
const TIME = { type: String, format: 'date-time' } as const;

export class DeliveriesQuery extends PageQuery {
  @ApiPropertyOptional({ enum: DELIVERY_STATES })
  @IsUndefinable()
  @IsIn(DELIVERY_STATES)
  state?: DeliveryState;

  @ApiPropertyOptional({ ...TIME_OR_DAY, description: 'Events that happened at this time or later; a day stands for its beginning.' })
  @IsUndefinable()
  @IsTime()
  since?: string;

  @ApiPropertyOptional({ ...TIME_OR_DAY, description: 'Events that happened at this time or earlier; a day stands for its end.' })
  @IsUndefinable()
  @IsTime()
  until?: string;
}

/** Nothing: all dead letters of the endpoint. */
export class RedeliverRequest {
  @ApiPropertyOptional({ enum: [...DELIVERY_STATES, 'all'], default: 'dead', description: '`pending`: do not wait for the next attempt.' })
  @IsUndefinable()
  @IsIn([...DELIVERY_STATES, 'all'])
  state?: DeliveryState | 'all';

  @ApiPropertyOptional({ ...TIME_OR_DAY, description: 'Events that happened at this time or later; a day stands for its beginning.' })
  @IsUndefinable()
  @IsTime()
  since?: string;

  @ApiPropertyOptional({ ...TIME_OR_DAY, description: 'Events that happened at this time or earlier; a day stands for its end.' })
  @IsUndefinable()
  @IsTime()
  until?: string;
}

export class RedeliverResponse {
  @ApiProperty({ type: 'integer', description: 'How many are sent again, with the same `webhook-id` and body.' })
  redelivered!: number;
}

export class WebhookDelivery {
  @ApiProperty({ example: 'wd_8f14e45fceea167a5a36dedd4bea2543' })
  id!: string;

  @ApiProperty({ description: 'The `webhook-id`.' })
  message_id!: string;

  @ApiProperty()
  endpoint_id!: string;

  @ApiProperty({ enum: EVENT_TYPES })
  type!: EventType;

  @ApiProperty(TEXT_OR_NULL)
  generation_id!: string | null;

  @ApiProperty({ enum: DELIVERY_STATES })
  state!: DeliveryState;

  @ApiProperty({ type: 'integer' })
  attempts!: number;

  @ApiProperty({ ...TIME_OR_NULL, description: 'Null once it is delivered or dead.' })
  next_attempt_at!: string | null;

  @ApiProperty(STATUS_OR_NULL)
  last_status!: number | null;

  @ApiProperty(TEXT_OR_NULL)
  last_error!: string | null;

  @ApiProperty(TIME)
  created_at!: string;

  @ApiProperty(TIME_OR_NULL)
  delivered_at!: string | null;
}

export class WebhookDeliveryListResponse extends PageInfo {
  @ApiProperty({ type: [WebhookDelivery] })
  data!: WebhookDelivery[];
}

class WebhookAttempt {
  @ApiProperty()
  id!: string;

  @ApiProperty({ type: 'integer', description: 'From 1.' })
  ordinal!: number;

  @ApiProperty()
  url!: string;

  @ApiProperty({ ...STATUS_OR_NULL, description: 'Null when no answer came.' })
  status!: number | null;

  @ApiProperty()
  success!: boolean;

  @ApiProperty({ ...TEXT_OR_NULL, description: 'At most 4 KiB, without secrets.' })
  response_body!: string | null;

  @ApiProperty(TEXT_OR_NULL)
  error!: string | null;

  @ApiProperty({ type: 'integer' })
  duration_ms!: number;

  @ApiProperty(TIME)
  created_at!: string;
}

export class WebhookDeliveryDetail extends WebhookDelivery {
  @ApiProperty({ description: 'The body as it is sent.' })
  payload!: string;

  @ApiProperty({ type: [WebhookAttempt] })
  attempt_log!: WebhookAttempt[];
}

/** LiteGen's answer, and what a test of ours says beside it. */
export class TestWebhookResponse {
  @ApiProperty()
  delivered!: boolean;

  @ApiProperty(STATUS_OR_NULL)
  status_code!: number | null;

  @ApiProperty(TEXT_OR_NULL)
  error!: string | null;

  @ApiProperty({ description: 'The `webhook-id` that was sent.' })
  message_id!: string;

  @ApiProperty({ type: 'integer' })
  duration_ms!: number;

  @ApiProperty({ ...TEXT_OR_NULL, description: 'At most 4 KiB, without secrets.' })
  response_body!: string | null;
}

/** LiteGen's log: a row for each attempt. */
export class KeyWebhookDelivery {
  @ApiProperty()
  id!: string;

  @ApiProperty()
  key_id!: string;

  @ApiProperty(TEXT_OR_NULL)
  generation_id!: string | null;

  @ApiProperty()
  url!: string;

  @ApiProperty({ type: 'integer', description: 'From 1.' })
  attempt_number!: number;

  @ApiProperty(STATUS_OR_NULL)
  status_code!: number | null;

  @ApiProperty()
  success!: boolean;

  @ApiProperty({ ...TEXT_OR_NULL, description: 'At most 4 KiB, without secrets.' })
  response_body!: string | null;

  @ApiProperty(TEXT_OR_NULL)
  error_message!: string | null;

  @ApiProperty({ description: 'The body as it was sent: JSON in a text.' })
  payload_json!: string;

  @ApiProperty(TIME)
  created_at!: string;
}

export class KeyWebhookDeliveryListResponse extends PageInfo {
  @ApiProperty({ type: [KeyWebhookDelivery] })
  data!: KeyWebhookDelivery[];
}
