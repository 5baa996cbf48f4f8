import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { Clock } from '../common/index.js';
import { CONFIG, type Config, ConfigError } from '../config/index.js';
import { Database } from './database.service.js';
import { InstanceSecretEntity } from './instance-secret.entity.js';
import { rows } from './sql.js';

const SECRET_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;
/** Each waits as long as the connection waits for any lock; on a busy disk another may be emptying the log for as long. */
const EMPTYING_TRIES = 10;
const EMPTYING_PAUSE_MS = 100;

/** Random secrets made once per installation and shared by its replicas through the database. */
@Injectable()
export class InstanceSecrets implements OnModuleInit {
  private readonly logger = new Logger(InstanceSecrets.name);
  private readonly known = new Map<string, Promise<Buffer>>();

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** Seals what was stored before there was a `secrets_key`. @throws ConfigError when that is not of the right length */
  async onModuleInit(): Promise<void> {
    if (this.sealingKey() === undefined) return;
    const plain = await this.database.manager.findBy(InstanceSecretEntity, { sealed: false });
    if (plain.length === 0) return;
    await this.overwriting(async () => {
      for (const row of plain) {
        const { value } = this.seal(Buffer.from(row.value, 'base64'), row.name);
        await this.database.write((manager) =>
          rows(
            manager,
            'UPDATE instance_secrets SET value = :value, sealed = :sealed WHERE name = :name AND value = :before RETURNING name',
            {
              name: row.name,
              value,
              sealed: true,
              before: row.value,
            },
          ),
        );
      }
    });
    this.logger.log(`Sealed with secrets_key: ${plain.map(({ name }) => name).join(', ')}. Backups from before hold them in the clear.`);
  }

  /** SQLite leaves what was overwritten in the free part of a page, and in the log. */
  private async overwriting(work: () => Promise<void>): Promise<void> {
    if (this.database.dialect !== 'sqlite') return work();
    const pragma = (text: string): Promise<unknown> => this.database.write((manager) => manager.query(`PRAGMA ${text}`));
    const isEmptied = async (): Promise<boolean> => {
      const [result] = (await pragma('wal_checkpoint(TRUNCATE)')) as { busy: number }[];
      return result?.busy === 0;
    };
    await pragma('secure_delete = ON');
    try {
      await work();
    } finally {
      await pragma('secure_delete = OFF');
    }
    // Whoever reads or empties it at the moment keeps the log.
    for (let tries = 1; !(await isEmptied()); tries += 1) {
      if (tries === EMPTYING_TRIES) {
        this.logger.warn('SQLite’s write-ahead log could not be truncated, and contains secrets in plain text until it is overwritten.');
        return;
      }
      await delay(EMPTYING_PAUSE_MS);
    }
  }

  /** 32 bytes, always the same for a name. */
  get(name: string): Promise<Buffer> {
    const known = this.known.get(name);
    if (known !== undefined) return known;
    const loading = this.load(name);
    this.known.set(name, loading);
    loading.catch(() => this.known.delete(name));
    return loading;
  }

  private async load(name: string): Promise<Buffer> {
    const found = await this.find(name);
    if (found !== null) return this.open(found);
    const value = this.seal(randomBytes(SECRET_BYTES), name);
    await this.database.write((manager) =>
      manager
        .createQueryBuilder()
        .insert()
        .into(InstanceSecretEntity)
        .values({ name, ...value, createdAt: this.clock.nowMs() })
        .orIgnore()
        .execute(),
    );
    // Another replica may have been first; what the table holds counts.
    const stored = await this.find(name);
    if (stored === null) throw new Error(`The secret ${name} could not be stored`);
    return this.open(stored);
  }

  private find(name: string): Promise<InstanceSecretEntity | null> {
    return this.database.manager.findOneBy(InstanceSecretEntity, { name });
  }

  private sealingKey(): Buffer | undefined {
    if (this.config.secrets_key === undefined) return undefined;
    const key = Buffer.from(this.config.secrets_key, 'base64');
    if (key.length !== SECRET_BYTES) throw new ConfigError([`secrets_key: expected base64 of 32 bytes, found ${key.length} bytes`]);
    return key;
  }

  private seal(secret: Buffer, name: string): { value: string; sealed: boolean } {
    const key = this.sealingKey();
    if (key === undefined) return { value: secret.toString('base64'), sealed: false };
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(name));
    const sealed = Buffer.concat([iv, cipher.update(secret), cipher.final(), cipher.getAuthTag()]);
    return { value: sealed.toString('base64'), sealed: true };
  }

  private open(row: InstanceSecretEntity): Buffer {
    const bytes = Buffer.from(row.value, 'base64');
    if (!row.sealed) return bytes;
    const key = this.sealingKey();
    if (key === undefined) throw new ConfigError([`secrets_key: needed, because the stored secret ${row.name} is encrypted with it`]);
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, IV_BYTES)).setAAD(Buffer.from(row.name));
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    try {
      return Buffer.concat([decipher.update(bytes.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()]);
    } catch {
      throw new ConfigError([`secrets_key: is not the one with which the stored secret ${row.name} was encrypted`]);
    }
  }
}
