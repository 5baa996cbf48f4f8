import { Injectable, type OnModuleInit } from '@nestjs/common';
import { InstanceSecrets } from '../database/index.js';
import { type KeyRing, open, seal } from '../security/index.js';
import { newSigningKey, publicKeyOf, type SigningKey, serializedSecret } from './signing.policy.js';
import type { WebhookEndpointEntity } from './webhook-endpoint.entity.js';
import type { Algorithm } from './webhooks.types.js';

/** Names the installation's secret that seals those of the endpoints; `secrets_key` in turn seals it. */
const ROOT = 'webhook-secrets';
const KEY_ID = 'instance';

export type StoredKey = Pick<WebhookEndpointEntity, 'algorithm' | 'secret' | 'publicKey'>;

/** Makes, hides and reveals the secrets with which events are signed. */
@Injectable()
export class EndpointSecrets implements OnModuleInit {
  private ring: KeyRing = { current: KEY_ID, keys: new Map() };

  constructor(private readonly secrets: InstanceSecrets) {}

  async onModuleInit(): Promise<void> {
    this.ring = { current: KEY_ID, keys: new Map([[KEY_ID, await this.secrets.get(ROOT)]]) };
  }

  create(endpointId: string, algorithm: Algorithm): StoredKey {
    const key = newSigningKey(algorithm);
    return { algorithm, secret: seal(this.ring, key.secret, endpointId), publicKey: publicKeyOf(key) ?? null };
  }

  /** The current key, then the one before it while it is still good. */
  signingKeys(endpoint: WebhookEndpointEntity, nowMs: number): SigningKey[] {
    const current = this.reveal(endpoint.id, endpoint.algorithm, endpoint.secret);
    const { previousAlgorithm, previousSecret, previousExpiresAt } = endpoint;
    if (previousAlgorithm === null || previousSecret === null || (previousExpiresAt ?? 0) <= nowMs) return [current];
    return [current, this.reveal(endpoint.id, previousAlgorithm, previousSecret)];
  }

  /** `whsec_…`; null for Ed25519, whose private half stays here. */
  shown(endpoint: Pick<WebhookEndpointEntity, 'id' | 'algorithm' | 'secret'>): string | null {
    const { id, algorithm, secret } = endpoint;
    return algorithm === 'hmac-sha256' ? serializedSecret(this.reveal(id, algorithm, secret).secret) : null;
  }

  private reveal(endpointId: string, algorithm: Algorithm, sealed: string): SigningKey {
    return { algorithm, secret: open(this.ring, sealed, endpointId) };
  }
}
