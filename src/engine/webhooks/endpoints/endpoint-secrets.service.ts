import { Injectable, type OnModuleInit } from '@nestjs/common';
import { InstanceSecrets } from '../../../platform/database/index.js';
import { type KeyRing, open, seal } from '../../../platform/security/index.js';
import { newSigningKey, publicKeyOf, type Signer, serializedSecret, signerOf } from './signing.policy.js';
import type { WebhookEndpointEntity } from './webhook-endpoint.entity.js';
import type { Algorithm } from './webhooks.types.js';

/** Names the installation's secret that seals those of the endpoints; `secrets_key` in turn seals it. */
const ROOT = 'webhook-secrets';
const KEY_ID = 'instance';

/** Secrets that are kept open; whoever is not among them is opened again. */
const MOST_OPEN = 10_000;

export type StoredKey = Pick<WebhookEndpointEntity, 'algorithm' | 'secret' | 'publicKey'>;

interface OpenSecret {
  readonly signer: Signer;
  /** `whsec_…`; null for Ed25519. */
  readonly shown: string | null;
}

/** Makes, hides and reveals the secrets with which events are signed. */
@Injectable()
export class EndpointSecrets implements OnModuleInit {
  private ring: KeyRing = { current: KEY_ID, keys: new Map() };
  /** By endpoint and sealed value, which is another one whenever the secret is. */
  private readonly opened = new Map<string, OpenSecret>();

  constructor(private readonly secrets: InstanceSecrets) {}

  async onModuleInit(): Promise<void> {
    this.ring = { current: KEY_ID, keys: new Map([[KEY_ID, await this.secrets.get(ROOT)]]) };
  }

  create(endpointId: string, algorithm: Algorithm): StoredKey {
    const key = newSigningKey(algorithm);
    return { algorithm, secret: seal(this.ring, key.secret, endpointId), publicKey: publicKeyOf(key) ?? null };
  }

  /** The current key's, then that of the one before it while it is still good. */
  signers(endpoint: WebhookEndpointEntity, nowMs: number): Signer[] {
    const current = this.reveal(endpoint.id, endpoint.algorithm, endpoint.secret).signer;
    const { previousAlgorithm, previousSecret, previousExpiresAt } = endpoint;
    if (previousAlgorithm === null || previousSecret === null || (previousExpiresAt ?? 0) <= nowMs) return [current];
    return [current, this.reveal(endpoint.id, previousAlgorithm, previousSecret).signer];
  }

  /** `whsec_…`; null for Ed25519, whose private half stays here. */
  shown({ id, algorithm, secret }: Pick<WebhookEndpointEntity, 'id' | 'algorithm' | 'secret'>): string | null {
    return this.reveal(id, algorithm, secret).shown;
  }

  private reveal(endpointId: string, algorithm: Algorithm, sealed: string): OpenSecret {
    const name = `${endpointId} ${sealed}`;
    const known = this.opened.get(name);
    if (known !== undefined) return known;
    const secret = open(this.ring, sealed, endpointId);
    const opened = { signer: signerOf({ algorithm, secret }), shown: algorithm === 'hmac-sha256' ? serializedSecret(secret) : null };
    if (this.opened.size >= MOST_OPEN) this.opened.clear();
    this.opened.set(name, opened);
    return opened;
  }
}
