export * from './access.js';
export { ApiKeyEntity } from './api-key.entity.js';
export { ApiKeysService, type CountedKey, type KeyChange, type NewKey, type NewSecret } from './api-keys.service.js';
export * from './auth.module.js';
export { AuthService, KeyCapacities, mayUseModel, principalOf } from './auth.service.js';
export * from './key-quota.port.js';
