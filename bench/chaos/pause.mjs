// A replica stands still for longer than its lease while it holds jobs, and goes on. What it writes then must be refused.
import { setTimeout as sleep } from 'node:timers/promises';
import { number, verdict } from '../lib/report.mjs';
import { storm, stormReport } from '../lib/storm.mjs';

const LEASE_SECONDS = 3;
const PAUSE_MS = 3 * LEASE_SECONDS * 1000;
const CALM_MS = 3000;
/** What a replica says of a write that came after another one had taken the generation over. */
const REFUSED = /came too late and was refused|after its lease was lost/g;

export const title = `pause: SIGSTOP of a replica for ${PAUSE_MS / 1000} s, with leases of ${LEASE_SECONDS} s`;

export async function run({ withCluster, isQuick, minutes = isQuick ? 0.5 : 2 }) {
  const outcome = await storm({
    withCluster,
    settings: { engine: { lease_seconds: LEASE_SECONDS } },
    load: { connections: 96, rate: 15 },
    disturb: async ({ cluster }) => {
      const beganMs = performance.now();
      const pauses = [];
      while (pauses.length === 0 || performance.now() - beganMs < minutes * 60_000 - PAUSE_MS) {
        await sleep(CALM_MS);
        const index = pauses.length % cluster.replicas.length;
        cluster.replicas[index].signal('SIGSTOP');
        await sleep(PAUSE_MS);
        cluster.replicas[index].signal('SIGCONT');
        pauses.push(index + 1);
      }
      await sleep(CALM_MS);
      const refused = cluster.replicas.reduce(
        (sum, replica) => sum + (replica.logs(Number.MAX_SAFE_INTEGER).match(REFUSED)?.length ?? 0),
        0,
      );
      return { pauses, refused, died: cluster.replicas.filter(({ hasEnded }) => hasEnded).length };
    },
  });
  const { observed } = outcome;
  const { text, verdicts } = stormReport(outcome);
  return {
    text: [
      `${observed.pauses.length} pauses, of replicas ${observed.pauses.join(' ')}; ${number(observed.refused)} late writes were refused`,
      ...text,
    ],
    verdicts: [
      ...verdicts,
      // Without any, nothing was shown.
      verdict('late writes that were refused', observed.refused, '≥', 1, '', 0),
      verdict('replicas that died', observed.died, '=', 0, '', 0),
    ],
    figures: outcome,
  };
}
