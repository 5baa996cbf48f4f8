import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { type Principal, principalOf } from '../../domain/access/index.js';
import { type Modality, modalityOf } from '../../domain/catalog/index.js';
import { type Candidate, type GenerationCommand, GenerationsService, type Operation } from '../../engine/generations/index.js';
import { ApiError, Clock, formatUsd, microsToUsd } from '../../platform/common/index.js';
import { BudgetDirectory, quotaExceeded } from '../../policy/budgets/index.js';
import { type IssuedQuote, QuoteBook } from '../../policy/costs/index.js';
import { ImageCommands, type ImageOperation } from '../images/index.js';
import { MAX_REFERENCES, SchemaValidator, toCostEstimate } from '../shared/index.js';
import { VideoCommands } from '../videos/index.js';
import type { Quote, QuoteCandidate, QuoteList, QuoteRequest } from './dto/quote.dto.js';

/** Fields of a body that make it an edit. */
const EDIT_FIELDS = ['image', 'images', 'mask'] as const;

/** From the surest to the least sure. */
const CONFIDENCES = ['published', 'reported', 'estimated'] as const;

type CountedReference = Pick<GenerationCommand['references'][number], 'role' | 'param'>;
type ErrorDetail = NonNullable<QuoteCandidate['error']>;

interface Priced {
  readonly model: string;
  readonly outcome: { readonly command: GenerationCommand; readonly candidate: Candidate } | ApiError;
}

/** Prices requests as their routes would read them. */
@Injectable()
export class QuotesService {
  constructor(
    private readonly validator: SchemaValidator,
    private readonly images: ImageCommands,
    private readonly videos: VideoCommands,
    private readonly generations: GenerationsService,
    private readonly book: QuoteBook,
    private readonly budgets: BudgetDirectory,
    private readonly clock: Clock,
  ) {}

  /** @throws ApiError of a request for one model; with several, each carries its own */
  async quote(request: FastifyRequest): Promise<Quote | QuoteList> {
    const { fields, unknown: body } = this.validator.check<QuoteRequest>('QuoteRequest', request.body);
    const { model, models } = fields;
    if (models && model) throw new ApiError('param_invalid_type', 'Send model or models, not both.', { param: 'models' });
    const wanted = models ?? (model ? [model] : []);
    if (wanted.length === 0) throw new ApiError('model_required', 'model is required, or models for several.', { param: 'model' });
    const counted = countedReferences(fields.reference_counts ?? 0);
    const priced = await Promise.all(
      wanted.map((name) => this.priced(request, { ...body, model: name }, fields.operation ?? null, counted)),
    );
    const candidates = await this.candidates(principalOf(request), priced);
    if (models) return { object: 'list', data: candidates };
    const [only] = priced;
    if (only?.outcome instanceof ApiError) throw only.outcome;
    const [candidate] = candidates;
    if (!candidate?.quote) throw new Error('A request without a failure has no quote');
    return candidate.quote;
  }

  private async priced(
    request: FastifyRequest,
    body: { readonly [name: string]: unknown; readonly model: string },
    operation: Operation | null,
    counted: readonly CountedReference[],
  ): Promise<Priced> {
    const { model } = body;
    try {
      const command = await this.command(request, body, operation ?? this.operationOf(principalOf(request), body));
      const [candidate] = this.generations.quote({ ...command, references: [...command.references, ...counted] });
      return { model, outcome: { command, candidate } };
    } catch (error) {
      if (error instanceof ApiError) return { model, outcome: error };
      throw error;
    }
  }

  private command(request: FastifyRequest, body: object, operation: Operation): Promise<GenerationCommand> {
    const commands: Readonly<Record<Modality, () => Promise<GenerationCommand>>> = {
      image: async () => (await this.images.fromBody(request, operation as ImageOperation, body)).command,
      video: () => this.videos.fromBody(request, body),
    };
    return commands[modalityOf(operation)]();
  }

  /** @throws ApiError for a model that cannot be used */
  private operationOf(principal: Principal, body: { readonly [name: string]: unknown; readonly model: string }): Operation {
    const { operations } = this.generations.modelOf({ principal, model: body.model });
    if (operations.includes('video.generate')) return 'video.generate';
    return EDIT_FIELDS.some((name) => body[name] !== undefined && body[name] !== null) ? 'image.edit' : 'image.generate';
  }

  private async candidates(principal: Principal, priced: readonly Priced[]): Promise<QuoteCandidate[]> {
    const offers = priced.flatMap(({ outcome }) => (outcome instanceof ApiError ? [] : [outcome.candidate]));
    const issued = await this.book.issue(principal, offers);
    return Promise.all(
      priced.map(async ({ model, outcome }): Promise<QuoteCandidate> => {
        if (outcome instanceof ApiError) return { model, quote: null, error: detailOf(outcome) };
        const promise = issued[offers.indexOf(outcome.candidate)];
        if (promise === undefined) throw new Error(`The quote of ${model} was not issued`);
        return { model, quote: await this.shown(principal, outcome.command, outcome.candidate, promise), error: null };
      }),
    );
  }

  private async shown(principal: Principal, command: GenerationCommand, candidate: Candidate, issued: IssuedQuote): Promise<Quote> {
    const { quote, plan } = candidate;
    const { orgId, appId, keyId } = principal;
    const spender = { orgId, appId, keyId: keyId ?? null, user: command.user ?? null };
    const { remainingMicros, refusal } = await this.budgets.outlook(spender, quote.ceilingMicros);
    return {
      ...toCostEstimate(candidate),
      id: issued.id,
      object: 'quote',
      operation: plan.operation,
      created_at: new Date(issued.createdAtMs).toISOString(),
      expires_at: new Date(issued.expiresAtMs).toISOString(),
      total_cost: formatUsd(quote.amountMicros),
      hold: formatUsd(quote.ceilingMicros),
      hold_micros: quote.ceilingMicros,
      price_source: quote.source,
      confidence: CONFIDENCES.findLast((confidence) => quote.components.some((line) => line.confidence === confidence)) ?? 'published',
      budget_remaining_usd: remainingMicros === null ? null : microsToUsd(remainingMicros),
      admitted: refusal === null,
      refusal: refusal === null ? null : detailOf(quotaExceeded(refusal, this.clock.nowMs())),
    };
  }
}

function countedReferences(counts: NonNullable<QuoteRequest['reference_counts']>): CountedReference[] {
  const list =
    typeof counts === 'number'
      ? Array.from({ length: counts }, () => ({ param: 'reference_counts' }))
      : Object.entries(counts).flatMap(([role, count]) =>
          Array.from({ length: count }, () => ({ role, param: `reference_counts.${role}` })),
        );
  if (list.length <= MAX_REFERENCES) return list;
  throw new ApiError('param_out_of_range', `A request has at most ${MAX_REFERENCES} references.`, { param: 'reference_counts' });
}

function detailOf(error: ApiError): ErrorDetail {
  const { accepted, ...detail } = error.toBody().error;
  return { ...detail, ...(accepted === undefined ? {} : { accepted: [...accepted] }) };
}
