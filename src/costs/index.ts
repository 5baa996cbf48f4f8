export { CostsModule } from './costs.module.js';
export { CostsService } from './costs.service.js';
export type { CostComponent, Outcome, PricedRequest, Quote, SettledCost, SettledRequest } from './costs.types.js';
