// Loaded before a gateway (`--import`): its clock is off by as many milliseconds as STEPPED_CLOCK_FILE says, from one moment to the next. What
// measures a duration (performance.now, timers) goes on as it does on a machine whose clock is set.
import { readFileSync } from 'node:fs';

const LOOK_EVERY_MS = 50;
const { STEPPED_CLOCK_FILE: file } = process.env;
const RealDate = Date;
let offsetMs = 0;

const look = () => {
  offsetMs = Number(readFileSync(file, 'utf8'));
};
look();
setInterval(look, LOOK_EVERY_MS).unref();

globalThis.Date = class SteppedDate extends RealDate {
  constructor(...values) {
    if (values.length === 0) super(RealDate.now() + offsetMs);
    else super(...values);
  }

  static now() {
    return RealDate.now() + offsetMs;
  }
};
