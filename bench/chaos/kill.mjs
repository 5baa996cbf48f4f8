// A random replica is killed every ten seconds, and started anew, while thousands of jobs of all kinds are under way.
import { setTimeout as sleep } from 'node:timers/promises';
import { number, verdict } from '../lib/report.mjs';
import { storm, stormReport } from '../lib/storm.mjs';

const KILL_EVERY_MS = 10_000;
const JOBS = 5000;
const CONNECTIONS = 128;
const MINUTES = 5;
/** The load goes on for a moment after the last one was killed. */
const AFTERWARDS_MS = 3000;

export const title = 'kill: SIGKILL of a random replica every 10 s';

export async function run({ withCluster, isQuick, minutes = isQuick ? 0.5 : MINUTES }) {
  const durationMs = minutes * 60_000;
  // The default lease of 30 s would have most of a short run wait for it.
  const settings = { engine: { lease_seconds: isQuick ? 3 : 10 } };
  const rate = JOBS / (MINUTES * 60);
  const outcome = await storm({
    withCluster,
    settings,
    load: { connections: CONNECTIONS, rate },
    disturb: async ({ cluster }) => {
      const beganMs = performance.now();
      const kills = [];
      for (let next = KILL_EVERY_MS / 2; next < durationMs; next += KILL_EVERY_MS) {
        await sleep(Math.max(0, beganMs + next - performance.now()));
        const index = Math.floor(Math.random() * cluster.replicas.length);
        await cluster.replicas[index].stop('SIGKILL');
        const killedMs = performance.now();
        await cluster.replace(index);
        kills.push({ replica: index + 1, backAfterMs: performance.now() - killedMs });
      }
      await sleep(Math.max(AFTERWARDS_MS, beganMs + durationMs - performance.now()));
      return { kills };
    },
  });
  return report(outcome);
}

function report(outcome) {
  const { observed, result, facts } = outcome;
  const { text, verdicts } = stormReport(outcome);
  const slowest = Math.max(...observed.kills.map(({ backAfterMs }) => backAfterMs));
  return {
    text: [
      `${observed.kills.length} kills, of replicas ${observed.kills.map(({ replica }) => replica).join(' ')}; each was back after at most ${number(slowest / 1000, 1)} s`,
      ...text,
    ],
    verdicts: [...verdicts, verdict('kills', observed.kills.length, '≥', 1, '', 0), verdict('jobs', result.started, '≥', 1, '', 0)],
    figures: { observed, facts },
  };
}
