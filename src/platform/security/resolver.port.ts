import { lookup } from 'node:dns/promises';
import { Injectable } from '@nestjs/common';

/** Turns a host name into addresses. */
export abstract class Resolver {
  /** Every address of the name, IPv4 and IPv6, in the order in which to try them. Rejects when there is none. */
  abstract resolve(host: string): Promise<readonly string[]>;
}

/** The operating system's resolver, so that `/etc/hosts` and search domains count. */
@Injectable()
export class SystemResolver extends Resolver {
  async resolve(host: string): Promise<readonly string[]> {
    const answers = await lookup(host, { all: true, verbatim: true });
    return answers.map((answer) => answer.address);
  }
}
