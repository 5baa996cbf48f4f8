import { Module } from '@nestjs/common';
import { SharedApiModule } from '../shared/index.js';
import { VideoCommands } from './video-command.service.js';
import { VideosController } from './videos.controller.js';
import { VideosService } from './videos.service.js';

/** The API for videos, in OpenAI's dialect and in LiteGen's. */
@Module({
  imports: [SharedApiModule],
  controllers: [VideosController],
  providers: [VideoCommands, VideosService],
  exports: [VideoCommands],
})
export class VideosModule {}
