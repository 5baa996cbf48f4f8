import { Inject, Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { CONFIG, type Config } from '../config/index.js';

/** Events have no caller whose address their links could lead back to. */
@Injectable()
export class GatewayOrigin {
  constructor(
    private readonly adapters: HttpAdapterHost,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** `server.public_url`, else the address that this process listens on, which only this machine or its network can reach. */
  get(): string {
    const { public_url: publicUrl, host, port } = this.config.server;
    if (publicUrl !== undefined) return publicUrl.replace(/\/+$/, '');
    const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host;
    return `http://${name}:${this.listeningPort() ?? port}`;
  }

  private listeningPort(): number | undefined {
    const server = this.adapters.httpAdapter.getHttpServer() as { address(): { port: number } | string | null };
    const address = server.address();
    return typeof address === 'object' ? address?.port : undefined;
  }
}
