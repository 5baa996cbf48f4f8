import { Module } from '@nestjs/common';
import { GenerationsModule } from '../../engine/generations/index.js';
import { CallbacksController } from './callbacks.controller.js';

@Module({ imports: [GenerationsModule], controllers: [CallbacksController] })
export class CallbacksModule {}
