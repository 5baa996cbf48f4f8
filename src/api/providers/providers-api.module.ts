import { Module } from '@nestjs/common';
import { ProvidersController } from './providers.controller.js';
import { ProvidersService } from './providers.service.js';

/** The HTTP API of the providers. */
@Module({ controllers: [ProvidersController], providers: [ProvidersService] })
export class ProvidersApiModule {}
