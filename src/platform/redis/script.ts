import { createHash } from 'node:crypto';

/** A Lua script that Redis runs as a whole: nothing else happens between its commands. */
export interface Script {
  readonly text: string;
  /** By which Redis knows it after the first time. */
  readonly sha1: string;
}

export function script(text: string): Script {
  return { text, sha1: createHash('sha1').update(text).digest('hex') };
}
