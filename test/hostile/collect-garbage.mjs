// Loaded into the gateway with `--import`: a full collection on SIGUSR2, so that what is alive can be told from what nobody looked at yet.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');
process.on('SIGUSR2', () => collect());
