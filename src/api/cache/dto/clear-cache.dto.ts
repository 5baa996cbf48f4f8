import { ApiProperty } from '../../../platform/openapi/index.js';

export class ClearCacheResponse {
  @ApiProperty()
  cleared!: boolean;
}
