import { costUsdOf, count, type Finished, type Output, outputItems, readOutputs, record } from '@litegen/plugin-sdk';
import type { Connection } from './connection.js';

/** Where servers put what they made. Other links in a job may be those of its inputs. */
const RESULT_KEYS = [
  ...['data', 'videos', 'video', 'video_url', 'url', 'output', 'outputs', 'result', 'results', 'content', 'download_url', 'file_url'],
  ...['video_urls', 'unsigned_urls', 'urls'],
];

/** A job's end: the links that it names, else the server's own route for the content. */
export function finishedVideo(job: Readonly<Record<string, unknown>>, body: unknown, url: string, server: Connection): Finished {
  const named = linkedVideos(job, url, server) ?? linkedVideos(record(body) ?? {}, url, server);
  const seconds = count(job.seconds) ?? count(job.duration);
  return {
    outputs: named ?? [{ media: { kind: 'url', url: `${url}/content`, headers: server.headers } }],
    usage: seconds === undefined || seconds === 0 ? undefined : { seconds },
    costUsd: costUsdOf(job) ?? costUsdOf(body),
  };
}

function linkedVideos(job: Readonly<Record<string, unknown>>, url: string, server: Connection): Output[] | undefined {
  const results = Object.fromEntries(RESULT_KEYS.map((key) => [key, job[key]]));
  const { outputs } = readOutputs(outputItems(results), { baseUrl: `${server.baseUrl}/`, headers: server.headers });
  // Some jobs name their own address.
  const found = outputs.filter(({ media }) => media.kind !== 'url' || media.url !== url);
  return found.length === 0 ? undefined : found;
}
