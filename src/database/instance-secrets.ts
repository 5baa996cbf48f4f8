import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { Clock } from '../common/index.js';
import { CONFIG, type Config, ConfigError } from '../config/index.js';
import { Database } from './database.service.js';
import { InstanceSecretEntity } from './instance-secret.entity.js';

const SECRET_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** Random secrets made once per installation and shared by its replicas through the database. */
@Injectable()
export class InstanceSecrets {
  private readonly known = new Map<string, Promise<Buffer>>();

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

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
