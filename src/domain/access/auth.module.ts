import { Module } from '@nestjs/common';
import { ApiKeysRepository } from './api-keys.repository.js';
import { ApiKeysService } from './api-keys.service.js';
import { AuthService, KeyCapacities } from './auth.service.js';
import { KeyPowers } from './key-powers.service.js';

/** Who is calling, and the keys they call with. */
@Module({
  providers: [ApiKeysRepository, ApiKeysService, AuthService, KeyCapacities, KeyPowers],
  exports: [ApiKeysService, AuthService, KeyCapacities],
})
export class AuthModule {}
