import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A way to Postgres that can break, in both directions and at any moment. */
export class DatabaseProxy {
  private readonly sockets = new Set<Socket>();
  private server: Server | undefined;
  private port = 0;
  private target = { host: '', port: 0 };
  private isFrozen = false;
  private onCommit: (() => void) | undefined;

  /** Answers the database's URL by way of the proxy. */
  async open(databaseUrl: string): Promise<string> {
    const url = new URL(databaseUrl);
    this.target = { host: url.hostname, port: Number(url.port) };
    await this.restore();
    url.port = String(this.port);
    return url.href;
  }

  /** Takes connections again, on the same port. */
  restore(): Promise<void> {
    const server = createServer((client) => this.pass(client));
    this.server = server;
    return new Promise((resolve) =>
      server.listen(this.port, '127.0.0.1', () => {
        this.port = (server.address() as AddressInfo).port;
        resolve();
      }),
    );
  }

  /** Breaks every connection, and refuses new ones. */
  cut(): void {
    this.server?.close();
    for (const socket of this.sockets) socket.destroy();
  }

  /** From now on nothing arrives any more on the connections that there are, and new ones get no answer. */
  freeze(): void {
    this.isFrozen = true;
    for (const socket of this.sockets) socket.pause();
  }

  thaw(): void {
    this.isFrozen = false;
    for (const socket of this.sockets) socket.resume();
  }

  /** Lets the next COMMIT reach the server, and breaks everything before its answer. Resolves when that was done. */
  cutAfterCommit(): Promise<void> {
    return new Promise((resolve) => {
      this.onCommit = () => {
        this.onCommit = undefined;
        resolve();
      };
    });
  }

  private pass(client: Socket): void {
    const upstream = connect(this.target);
    for (const socket of [client, upstream]) {
      this.sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    let answersWanted = true;
    client.on('data', (data: Buffer) => {
      upstream.write(data);
      if (this.onCommit === undefined || !data.includes('COMMIT')) return;
      answersWanted = false;
      // The server has answered: it has committed.
      upstream.once('data', () => {
        this.cut();
        this.onCommit?.();
      });
    });
    upstream.on('data', (data: Buffer) => {
      if (answersWanted) client.write(data);
    });
    if (this.isFrozen) {
      client.pause();
      upstream.pause();
    }
  }
}
