export * from './access.js';
export { ApiKeyEntity } from './api-key.entity.js';
export * from './auth.module.js';
export { AuthService } from './auth.service.js';
export { KeyCapacities } from './key-capacities.service.js';
export * from './key-quota.port.js';
export * from './principal.js';
