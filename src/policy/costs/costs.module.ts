import { Module } from '@nestjs/common';
import { CostsService } from './costs.service.js';
import { QuoteBook } from './quote-book.service.js';
import { QuotesRepository } from './quotes.repository.js';

/** Prices, and those that were promised. */
@Module({ providers: [CostsService, QuoteBook, QuotesRepository], exports: [CostsService, QuoteBook] })
export class CostsModule {}
