import { Module } from '@nestjs/common';
import { StorageModule } from '../../domain/storage/index.js';
import { GenerationsModule } from '../../engine/generations/index.js';
import { BillingAdjustmentsController } from './billing-adjustments.controller.js';
import { GenerationsController } from './generations.controller.js';

@Module({ imports: [GenerationsModule, StorageModule], controllers: [BillingAdjustmentsController, GenerationsController] })
export class GenerationsApiModule {}
