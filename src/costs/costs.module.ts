import { Module } from '@nestjs/common';
import { CostsService } from './costs.service.js';

/** Prices. Needs nothing but the settings. */
@Module({ providers: [CostsService], exports: [CostsService] })
export class CostsModule {}
