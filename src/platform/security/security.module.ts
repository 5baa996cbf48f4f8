import { type DynamicModule, Global, Module } from '@nestjs/common';
import { EgressService } from './egress.service.js';
import { SecretRegistry } from './redaction.js';
import { Resolver, SystemResolver } from './resolver.port.js';

/** The way out, and the memory of what must never be shown. */
@Global()
@Module({})
export class SecurityModule {
  /** @param secrets what the logger already redacts by, so that secrets loaded later are hidden from its lines too. */
  static with(secrets: SecretRegistry): DynamicModule {
    return {
      module: SecurityModule,
      providers: [{ provide: Resolver, useClass: SystemResolver }, EgressService, { provide: SecretRegistry, useValue: secrets }],
      exports: [EgressService, SecretRegistry],
    };
  }
}
