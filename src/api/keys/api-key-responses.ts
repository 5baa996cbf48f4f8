import type { CountedKey, KeyChange, NewKey, NewSecret } from '../../domain/access/index.js';
import { microsToUsd, timeOf, usdToMicros } from '../../platform/common/index.js';
import type { ApiKeyCreatedResponse, ApiKeyDetail, ApiKeyInfo, CreateApiKeyRequest, PatchApiKeyRequest } from './dto/api-key.dto.js';

export function toNewKey(body: CreateApiKeyRequest): NewKey {
  return { ...limitsOf(body), name: body.name, scopes: body.scopes };
}

export function toKeyChange(body: PatchApiKeyRequest): KeyChange {
  return { ...limitsOf(body), name: body.name, scopes: body.scopes, isActive: body.is_active };
}

function limitsOf(body: CreateApiKeyRequest | PatchApiKeyRequest) {
  return {
    quotaMicros: given(body.token_quota, usdToMicros),
    rpmLimit: body.rpm_limit,
    maxInFlight: body.max_in_flight,
    maxQueued: body.max_queued,
    expiresAt: given(body.expires_at, (text) => timeOf('expires_at', text).ms),
    allowedModels: body.allowed_models,
    webhookUrl: body.webhook_url,
    cacheTtlSeconds: given(body.cache, ({ ttl_seconds: seconds }) => seconds),
    strict: body.strict,
  };
}

/** Absent and null mean something else than each other, and stay what they are. */
function given<From, To>(value: From | null | undefined, to: (value: From) => To): To | null | undefined {
  return value === null || value === undefined ? (value as null | undefined) : to(value);
}

export function toCreatedKey(created: NewSecret): ApiKeyCreatedResponse {
  const { key, secret } = created;
  return { ...fields(created), key: secret, prefix: key.keyPrefix, created_at: iso(key.createdAt) };
}

export function toKeyInfo(counted: CountedKey): ApiKeyInfo {
  return { ...state(counted), prefix: counted.key.keyPrefix };
}

export function toKeyDetail(counted: CountedKey): ApiKeyDetail {
  return { ...state(counted), key_prefix: counted.key.keyPrefix };
}

function fields({ key, spending: { quotaMicros } }: CountedKey) {
  return {
    id: key.id,
    name: key.name,
    token_quota: quotaMicros === null ? null : microsToUsd(quotaMicros),
    rpm_limit: key.rpmLimit,
    max_in_flight: key.maxInFlight,
    max_queued: key.maxQueued,
    scopes: key.scopes,
    allowed_models: key.allowedModels,
    expires_at: isoOrNull(key.expiresAt),
    webhook_url: key.webhookUrl,
    cache: key.cacheTtlSeconds === null ? null : { ttl_seconds: key.cacheTtlSeconds },
    strict: key.strict,
    public_id: key.publicId,
  };
}

function state(counted: CountedKey) {
  const { key, spending } = counted;
  return {
    ...fields(counted),
    created_at: iso(key.createdAt),
    is_active: key.isActive,
    tokens_used: microsToUsd(spending.usedMicros),
    tokens_held: microsToUsd(spending.heldMicros),
    last_used_at: isoOrNull(key.lastUsedAt),
    app_id: key.appId,
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : iso(ms);
}
