import { Global, Module } from '@nestjs/common';
import { EgressService } from './egress.service.js';
import { SecretRegistry } from './redaction.js';
import { Resolver, SystemResolver } from './resolver.port.js';

/** The way out, and the memory of what must never be shown. */
@Global()
@Module({
  providers: [{ provide: Resolver, useClass: SystemResolver }, EgressService, SecretRegistry],
  exports: [EgressService, SecretRegistry],
})
export class SecurityModule {}
