import { Inject, Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { CONFIG, type Config, ownUrl } from '../../../platform/config/index.js';

/** Events have no caller whose address their links could lead back to. */
@Injectable()
export class GatewayOrigin {
  constructor(
    private readonly adapters: HttpAdapterHost,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** `server.public_url`, else the address that this process listens on, which only this machine or its network can reach. */
  get(): string {
    const { host, port } = this.config.server;
    const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host;
    return ownUrl(this.config.server, '', `http://${name}:${this.listeningPort() ?? port}`);
  }

  private listeningPort(): number | undefined {
    const server = this.adapters.httpAdapter.getHttpServer() as { address(): { port: number } | string | null };
    const address = server.address();
    return typeof address === 'object' ? address?.port : undefined;
  }
}
