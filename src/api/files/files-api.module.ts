import { Module } from '@nestjs/common';
import { StorageModule } from '../../domain/storage/index.js';
import { FilesController } from './files.controller.js';

/** Stored files, by their signed links. */
@Module({ imports: [StorageModule], controllers: [FilesController] })
export class FilesApiModule {}
