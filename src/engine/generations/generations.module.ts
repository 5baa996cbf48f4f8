import { Module } from '@nestjs/common';
import { ProvidersModule } from '../../domain/providers/index.js';
import { StorageModule } from '../../domain/storage/index.js';
import { CacheModule } from '../../policy/cache/index.js';
import { CostsModule } from '../../policy/costs/index.js';
import { AdmissionService } from './admit/admission.service.js';
import { IdempotencyService } from './admit/idempotency.service.js';
import { UnconfirmedAdmissions } from './admit/unconfirmed-admissions.service.js';
import { CallbacksService } from './execute/callbacks.service.js';
import { Dispatcher } from './execute/dispatcher.service.js';
import { PollPace } from './execute/poll-pace.service.js';
import { Watcher } from './execute/watcher.service.js';
import { Worker } from './execute/worker.service.js';
import { GenerationsService } from './generations.service.js';
import { ClockWatch } from './leases/clock-watch.service.js';
import { LeaseKeeper } from './leases/lease-keeper.service.js';
import { ProviderConcurrency } from './leases/provider-concurrency.service.js';
import { GenerationFeed } from './read/generation-feed.service.js';
import { GenerationStatsQueries } from './read/generation-stats.queries.js';
import { GenerationsQueries } from './read/generations.queries.js';
import { GenerationSignals, LocalFollowers, Waiters } from './read/waiters.service.js';
import { FileSweepRepository } from './retention/file-sweep.repository.js';
import { FileSweep } from './retention/file-sweep.service.js';
import { BillingAdjustments } from './settle/billing-adjustments.service.js';
import { DeferredSteps } from './settle/deferred-steps.service.js';
import { EndWriter, Settler } from './settle/settler.service.js';
import { CachedAdmission } from './share/cached-admission.service.js';
import { CachedResults } from './share/cached-results.service.js';
import { Followers } from './share/followers.service.js';
import { BillingAdjustmentsRepository } from './store/billing-adjustments.repository.js';
import { CacheHitsRepository } from './store/cache-hits.repository.js';
import { CallbackTrustRepository } from './store/callback-trust.repository.js';
import { CapacityRepository } from './store/capacity.repository.js';
import { CoalescedRequestsRepository } from './store/coalesced-requests.repository.js';
import { DeferredStepsRepository } from './store/deferred-steps.repository.js';
import { EndsRepository } from './store/ends.repository.js';
import { GenerationsRepository } from './store/generations.repository.js';
import { IdempotencyRepository, RepeatedRequests } from './store/idempotency.repository.js';
import { LeasesRepository } from './store/leases.repository.js';
import { LifecycleRepository } from './store/lifecycle.repository.js';
import { VendorWords } from './vendor/vendor-answers.js';
import { VendorCalls } from './vendor/vendor-calls.service.js';

/** The engine: one state machine for every generation. */
@Module({
  imports: [CacheModule, CostsModule, ProvidersModule, StorageModule],
  providers: [
    AdmissionService,
    CachedAdmission,
    CachedResults,
    CoalescedRequestsRepository,
    CacheHitsRepository,
    CallbackTrustRepository,
    CallbacksService,
    CapacityRepository,
    ClockWatch,
    BillingAdjustmentsRepository,
    BillingAdjustments,
    DeferredSteps,
    DeferredStepsRepository,
    Dispatcher,
    EndWriter,
    EndsRepository,
    FileSweep,
    FileSweepRepository,
    Followers,
    LocalFollowers,
    GenerationFeed,
    GenerationSignals,
    GenerationStatsQueries,
    GenerationsQueries,
    GenerationsRepository,
    GenerationsService,
    IdempotencyRepository,
    IdempotencyService,
    ProviderConcurrency,
    LeaseKeeper,
    LeasesRepository,
    LifecycleRepository,
    RepeatedRequests,
    PollPace,
    Settler,
    UnconfirmedAdmissions,
    VendorCalls,
    VendorWords,
    Waiters,
    Watcher,
    Worker,
  ],
  exports: [BillingAdjustments, CallbacksService, GenerationFeed, GenerationsQueries, GenerationsService, GenerationStatsQueries],
})
export class GenerationsModule {}
