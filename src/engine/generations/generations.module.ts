import { Module } from '@nestjs/common';
import { ProvidersModule } from '../../domain/providers/index.js';
import { StorageModule } from '../../domain/storage/index.js';
import { CacheModule } from '../../policy/cache/index.js';
import { CostsModule } from '../../policy/costs/index.js';
import { AdmissionService } from './admission.service.js';
import { CacheFlights } from './cache-flights.repository.js';
import { CacheHitsRepository } from './cache-hits.repository.js';
import { CachedAdmission } from './cached-admission.service.js';
import { CachedResults } from './cached-results.service.js';
import { CallbackTrustRepository } from './callback-trust.repository.js';
import { CallbacksController } from './callbacks.controller.js';
import { CallbacksService } from './callbacks.service.js';
import { CapacityRepository } from './capacity.repository.js';
import { ClockWatch } from './clock-watch.service.js';
import { CorrectionsController } from './corrections.controller.js';
import { CorrectionsRepository } from './corrections.repository.js';
import { CorrectionsService } from './corrections.service.js';
import { DeferredStepsRepository } from './deferred-steps.repository.js';
import { DeferredSteps } from './deferred-steps.service.js';
import { Dispatcher } from './dispatcher.service.js';
import { EndWriter } from './end-writer.service.js';
import { EndsRepository } from './ends.repository.js';
import { FileSweepRepository } from './file-sweep.repository.js';
import { FileSweep } from './file-sweep.service.js';
import { Followers } from './followers.service.js';
import { FollowersHere } from './followers-here.service.js';
import { GenerationFeed } from './generation-feed.service.js';
import { GenerationSignals } from './generation-signals.js';
import { GenerationStatsQueries } from './generation-stats.queries.js';
import { GenerationsController } from './generations.controller.js';
import { GenerationsQueries } from './generations.queries.js';
import { GenerationsRepository } from './generations.repository.js';
import { GenerationsService } from './generations.service.js';
import { IdempotencyRepository } from './idempotency.repository.js';
import { IdempotencyService } from './idempotency.service.js';
import { Lanes } from './lanes.service.js';
import { LeaseKeeper } from './lease-keeper.service.js';
import { LeasesRepository } from './leases.repository.js';
import { LifecycleRepository } from './lifecycle.repository.js';
import { PollPace } from './poll-pace.service.js';
import { RepeatedRequests } from './repeated-requests.repository.js';
import { Settler } from './settler.service.js';
import { UnconfirmedAdmissions } from './unconfirmed-admissions.service.js';
import { VendorCalls } from './vendor-calls.service.js';
import { VendorWords } from './vendor-words.js';
import { Waiters } from './waiters.service.js';
import { Watcher } from './watcher.service.js';
import { Worker } from './worker.service.js';

/** The engine: one state machine for every generation. */
@Module({
  imports: [CacheModule, CostsModule, ProvidersModule, StorageModule],
  controllers: [CallbacksController, CorrectionsController, GenerationsController],
  providers: [
    AdmissionService,
    CachedAdmission,
    CachedResults,
    CacheFlights,
    CacheHitsRepository,
    CallbackTrustRepository,
    CallbacksService,
    CapacityRepository,
    ClockWatch,
    CorrectionsRepository,
    CorrectionsService,
    DeferredSteps,
    DeferredStepsRepository,
    Dispatcher,
    EndWriter,
    EndsRepository,
    FileSweep,
    FileSweepRepository,
    Followers,
    FollowersHere,
    GenerationFeed,
    GenerationSignals,
    GenerationStatsQueries,
    GenerationsQueries,
    GenerationsRepository,
    GenerationsService,
    IdempotencyRepository,
    IdempotencyService,
    Lanes,
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
  exports: [GenerationFeed, GenerationsQueries, GenerationsService, GenerationStatsQueries],
})
export class GenerationsModule {}
