import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, until } from '../support/client.js';
import { type Gateway, startGateway } from '../support/gateway.js';

export const MASTER_KEY = 'chaos-master-key-0123456789';
/** Short, so that a test waits little until another process may take over. */
const LEASE_SECONDS = 1;

/** A process of the gateway. */
export interface Replica extends Gateway {
  readonly client: Client;
}

/** One line of the mock vendor's book. */
export interface Submit {
  readonly key: string;
  /** The vendor recognised the key. */
  readonly deduplicated: boolean;
  readonly accepted: boolean;
}

export interface ReplicaSettings {
  readonly providers?: object;
  readonly engine?: object;
  readonly server?: object;
  readonly models_directory?: string;
}

export interface StartOptions extends ReplicaSettings {
  /** Variables, which win over the settings. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Processes that share a database, a file store and a mock vendor which remembers its jobs; they outlive one another. */
export class Replicas {
  readonly folder = mkdtempSync(join(tmpdir(), 'litegen-chaos-'));
  private readonly running: Replica[] = [];

  constructor(
    /** Default: a SQLite file, which one process at a time may use. */
    private readonly databaseUrl = '',
    private readonly settings: ReplicaSettings = {},
  ) {}

  async start({ env, ...settings }: StartOptions = this.settings): Promise<Replica> {
    const gateway = await startGateway({
      ...(env === undefined ? {} : { env }),
      databaseUrl: this.databaseUrl === '' ? `sqlite://${join(this.folder, 'litegen.db')}` : this.databaseUrl,
      blobsDirectory: join(this.folder, 'blobs'),
      yaml: JSON.stringify({
        master_key: MASTER_KEY,
        ...settings,
        providers: { mock: { options: { state_directory: this.vendorFolder } }, ...settings.providers },
        engine: { lease_seconds: LEASE_SECONDS, tick_ms: 50, ...settings.engine },
      }),
    });
    const replica = { ...gateway, client: new Client(gateway.url, MASTER_KEY) };
    this.running.push(replica);
    return replica;
  }

  /** What reached the mock vendor, in order. A process that was killed may have submitted more than it could note. */
  submits(): Submit[] {
    const file = join(this.vendorFolder, 'submits.log');
    if (!existsSync(file)) return [];
    const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as Submit);
  }

  /** Jobs that the mock vendor took on: it keeps one for each key. */
  jobCount(): number {
    return readdirSync(this.vendorFolder).filter((name) => name.endsWith('.json')).length;
  }

  /** Resolves when so many submits reached the mock vendor. */
  async submitted(count: number): Promise<void> {
    await until(() => this.submits().length >= count);
  }

  /** Kills what still runs and removes every file. */
  async close(): Promise<void> {
    await Promise.all(this.running.map((replica) => replica.kill()));
    rmSync(this.folder, { recursive: true, force: true });
  }

  private get vendorFolder(): string {
    return join(this.folder, 'vendor');
  }
}
