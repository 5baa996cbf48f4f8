import { Module } from '@nestjs/common';
import { SharedApiModule } from '../shared/index.js';
import { ImageStreams } from './image-stream.service.js';
import { ImagesController } from './images.controller.js';
import { ImageCommands, ImagesService } from './images.service.js';

/** The API for images: OpenAI's dialect and LiteGen's, which are one here. */
@Module({
  imports: [SharedApiModule],
  controllers: [ImagesController],
  providers: [ImageCommands, ImageStreams, ImagesService],
  exports: [ImageCommands],
})
export class ImagesModule {}
