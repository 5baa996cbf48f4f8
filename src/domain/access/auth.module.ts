import { Module } from '@nestjs/common';
import { ApiKeysController } from './api-keys.controller.js';
import { ApiKeysRepository } from './api-keys.repository.js';
import { ApiKeysService } from './api-keys.service.js';
import { AuthService } from './auth.service.js';
import { KeyCapacities } from './key-capacities.service.js';
import { KeyPowers } from './key-powers.service.js';

/** Who is calling, and the keys they call with. */
@Module({
  controllers: [ApiKeysController],
  providers: [ApiKeysRepository, ApiKeysService, AuthService, KeyCapacities, KeyPowers],
  exports: [AuthService, KeyCapacities],
})
export class AuthModule {}
