import { Module } from '@nestjs/common';
import { GenerationsModule } from '../../engine/generations/index.js';
import { Answers } from './answers.service.js';
import { BodyReader, SchemaValidator } from './body-reader.service.js';
import { EventAnswers } from './event-answers.service.js';
import { FormReader } from './form-reader.service.js';
import { References } from './references.service.js';

/** What the APIs for images and videos share: bodies in, references, answers out. */
@Module({
  imports: [GenerationsModule],
  providers: [Answers, BodyReader, EventAnswers, FormReader, References, SchemaValidator],
  exports: [Answers, BodyReader, EventAnswers, GenerationsModule, References, SchemaValidator],
})
export class SharedApiModule {}
