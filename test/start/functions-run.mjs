// Loaded into the gateway with `--import`: on SIGUSR2 it writes which of its files ran a function since the last time, one file of JSON each time.
import { renameSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';

const session = new Session();
session.connect();
session.post('Profiler.enable');
session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });

let taken = 0;
process.on('SIGUSR2', () => {
  session.post('Profiler.takePreciseCoverage', (error, coverage) => {
    if (error !== null) throw error;
    const ran = coverage.result
      .map(({ url, functions }) => ({
        url,
        functions: functions.filter(({ ranges }) => ranges[0].count > 0).map((one) => one.functionName),
      }))
      .filter(({ url, functions }) => url.startsWith('file:') && functions.length > 0);
    const file = `functions-run.${++taken}.json`;
    writeFileSync(`${file}.part`, JSON.stringify(ran));
    renameSync(`${file}.part`, file);
  });
});
