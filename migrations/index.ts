import { Initial1763683200000 } from './1763683200000-initial.js';
import { Webhooks1763700000000 } from './1763700000000-webhooks.js';
import { Ledger1763710000000 } from './1763710000000-ledger.js';
import { BrokenConnections1763720000000 } from './1763720000000-broken-connections.js';
import { Cache1763740000000 } from './1763740000000-cache.js';
import { Lanes1763750000000 } from './1763750000000-lanes.js';
import { Quotes1763760000000 } from './1763760000000-quotes.js';
import { Capacity1763770000000 } from './1763770000000-capacity.js';
import { RequestWebhooks1763780000000 } from './1763780000000-request-webhooks.js';
import { Waiting1763790000000 } from './1763790000000-waiting.js';
import { StorageSweeps1763804000000 } from './1763804000000-storage-sweeps.js';
import { ModerationBlocked1763820000000 } from './1763820000000-moderation-blocked.js';
import { DeferredSteps1763830000000 } from './1763830000000-deferred-steps.js';
import { KeyStrictness1763840000000 } from './1763840000000-key-strictness.js';
import { AttemptLeases1763850000000 } from './1763850000000-attempt-leases.js';

/** In the order in which they run. */
export const MIGRATIONS = [
  Initial1763683200000,
  Webhooks1763700000000,
  Ledger1763710000000,
  BrokenConnections1763720000000,
  Cache1763740000000,
  Lanes1763750000000,
  Quotes1763760000000,
  Capacity1763770000000,
  RequestWebhooks1763780000000,
  Waiting1763790000000,
  StorageSweeps1763804000000,
  ModerationBlocked1763820000000,
  DeferredSteps1763830000000,
  KeyStrictness1763840000000,
  AttemptLeases1763850000000,
];
