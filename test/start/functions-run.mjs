// Loaded into the gateway with `--import`: on SIGUSR2 it writes which functions ran since the last time, one file of JSON each time.
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
      .filter(({ url }) => url.startsWith('file:'))
      .flatMap(({ url, functions }) =>
        functions
          .filter(({ ranges: [all] }) => all.count > 0)
          .map(({ functionName, ranges: [all] }) => ({ url, name: `${functionName}@${all.startOffset}` })),
      );
    const file = `functions-run.${++taken}.json`;
    writeFileSync(`${file}.part`, JSON.stringify(ran));
    renameSync(`${file}.part`, file);
  });
});
