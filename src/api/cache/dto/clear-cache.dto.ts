import { ApiProperty } from '@nestjs/swagger';

export class ClearCacheResponse {
  @ApiProperty()
  cleared!: boolean;
}
