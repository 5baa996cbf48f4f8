import { MODALITY_NAMES, type Modality } from '../../../domain/catalog/index.js';
import { ApiProperty } from '../../../platform/openapi/index.js';

export const PROVIDER_STATUSES = ['ready', 'not_configured', 'disabled', 'taken_out', 'rejected'] as const;
export type ProviderStatus = (typeof PROVIDER_STATUSES)[number];

class ProviderField {
  @ApiProperty({ example: 'api_key' })
  key!: string;

  @ApiProperty({ example: 'API key' })
  label!: string;

  @ApiProperty()
  secret!: boolean;

  @ApiProperty()
  optional!: boolean;
}

class ProviderPlugin {
  @ApiProperty()
  id!: string;

  @ApiProperty({ type: String, nullable: true, description: 'The npm package.' })
  package!: string | null;

  @ApiProperty({ type: String, nullable: true })
  version!: string | null;

  @ApiProperty({ description: 'Where the plugin was found.' })
  source!: string;
}

/** A vendor that the gateway can call, or a plugin that it could not use and why. */
export class ProviderCatalogEntry {
  @ApiProperty({ example: 'openai' })
  name!: string;

  @ApiProperty({ enum: MODALITY_NAMES, isArray: true })
  modalities!: readonly Modality[];

  @ApiProperty({ example: 'api_key' })
  auth_scheme!: string;

  @ApiProperty({ example: 'api_keys' })
  pool_field!: string;

  @ApiProperty({ type: [ProviderField], description: 'Its settings under `providers.<name>`.' })
  fields!: readonly ProviderField[];

  @ApiProperty()
  display_name!: string;

  @ApiProperty({ enum: PROVIDER_STATUSES })
  status!: ProviderStatus;

  @ApiProperty({ type: String, nullable: true, description: 'Why it cannot be used.' })
  reason!: string | null;

  @ApiProperty()
  enabled!: boolean;

  @ApiProperty({ description: 'Whether it can be called.' })
  configured!: boolean;

  @ApiProperty({ type: [String], description: 'Settings that it lacks.' })
  missing!: readonly string[];

  @ApiProperty({ type: [String], description: 'Origins that the plugin may call.' })
  egress!: readonly string[];

  @ApiProperty({ type: [String], description: 'Where its outputs may come from: origins, or `public` for any public address.' })
  transfers!: readonly string[];

  @ApiProperty({ type: 'integer', description: 'How many models it has in the catalogue.' })
  models!: number;

  @ApiProperty({ type: ProviderPlugin })
  plugin!: ProviderPlugin;
}
