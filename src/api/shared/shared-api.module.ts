import { Module } from '@nestjs/common';
import { GenerationsModule } from '../../engine/generations/index.js';
import { SchemaValidator } from '../../platform/common/index.js';
import { Answers } from './answers.service.js';
import { BodyReader } from './body-reader.service.js';
import { Heartbeats } from './heartbeats.service.js';
import { References } from './references.service.js';

/** What the APIs for images and videos share: bodies in, references, answers out. */
@Module({
  imports: [GenerationsModule],
  providers: [Answers, BodyReader, Heartbeats, References, SchemaValidator],
  exports: [Answers, BodyReader, GenerationsModule, References, SchemaValidator],
})
export class SharedApiModule {}
