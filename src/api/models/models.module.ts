import { Module } from '@nestjs/common';
import { ModelsController } from './models.controller.js';
import { ModelsService } from './models.service.js';
import { ProvidersController } from './providers.controller.js';

/** The door to the catalogue. */
@Module({ controllers: [ModelsController, ProvidersController], providers: [ModelsService] })
export class ModelsModule {}
