import { Module } from '@nestjs/common';
import { AuthModule } from '../../domain/access/index.js';
import { ApiKeysController } from './api-keys.controller.js';

/** The keys that callers call with. */
@Module({ imports: [AuthModule], controllers: [ApiKeysController] })
export class KeysApiModule {}
