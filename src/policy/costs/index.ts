export { CostsModule } from './costs.module.js';
export { CostsService } from './costs.service.js';
export type { CostComponent, Outcome, PricedRequest, Quote, SettledCost, SettledRequest } from './costs.types.js';
export { auditPrices, type PriceAudit, type PriceCheck } from './price-audit.policy.js';
export { type LoadedPriceFixtures, loadPriceFixtures } from './price-fixtures.loader.js';
export { type IssuedQuote, QuoteBook } from './quote-book.service.js';
