import type { Model, Plan } from '../../../domain/catalog/index.js';
import type { Quote } from '../../../policy/costs/index.js';

/** One way to fulfil a command: a model, what would be sent to it, and what that costs. */
export interface Candidate {
  readonly model: Model;
  /** The model that the caller named, which was switched off and for which `model` stands in. */
  readonly retired?: Model;
  readonly plan: Plan;
  readonly quote: Quote;
  readonly partialImages: number;
}

/** In the order in which they are to be tried; the catalogue names one for each model today. */
export type Candidates = readonly [Candidate, ...Candidate[]];
