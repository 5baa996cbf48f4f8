import { Module } from '@nestjs/common';
import { CostsModule } from '../../policy/costs/index.js';
import { ImagesModule } from '../images/index.js';
import { SharedApiModule } from '../shared/index.js';
import { VideosModule } from '../videos/index.js';
import { QuotesController } from './quotes.controller.js';
import { QuotesService } from './quotes.service.js';

/** Prices of any operation, promised for a while. */
@Module({
  imports: [CostsModule, SharedApiModule, ImagesModule, VideosModule],
  controllers: [QuotesController],
  providers: [QuotesService],
})
export class QuotesModule {}
