import { Module } from '@nestjs/common';
import { DoorsModule } from '../shared/index.js';
import { VideoCommands } from './video-command.service.js';
import { VideosController } from './videos.controller.js';
import { VideosService } from './videos.service.js';

/** The door for videos, in OpenAI's dialect and in LiteGen's. */
@Module({
  imports: [DoorsModule],
  controllers: [VideosController],
  providers: [VideoCommands, VideosService],
  exports: [VideoCommands],
})
export class VideosModule {}
