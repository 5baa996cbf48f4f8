import type { CallContext, MediaSource } from '@litegen/plugin-sdk';
import { Inject, Injectable } from '@nestjs/common';
import { Clock } from '../../platform/common/index.js';
import { CONFIG, type Config } from '../../platform/config/index.js';
import { EgressService } from '../../platform/security/index.js';
import type { Modality } from '../catalog/index.js';
import { BlobStore, type StoredBlob } from '../storage/index.js';
import { downloadMedia, type HostCall } from './call/index.js';
import { ProviderRegistry } from './provider-registry.js';

function isHostCall(call: CallContext | undefined): call is HostCall {
  return call !== undefined && 'storedBlob' in call;
}

/** Brings vendors' outputs into the store. */
@Injectable()
export class MediaDownloader {
  constructor(
    private readonly registry: ProviderRegistry,
    private readonly egress: EgressService,
    private readonly store: BlobStore,
    private readonly clock: Clock,
    @Inject(CONFIG) private readonly config: Pick<Config, 'media'>,
  ) {}

  /**
   * @param call the call in which the plugin named the source; it knows the dimensions of files that it stored.
   * @throws OutputFailure, see {@link downloadMedia}.
   */
  fetch(
    providerId: string,
    source: MediaSource,
    modality: Modality,
    call: CallContext | undefined,
    signal: AbortSignal,
  ): Promise<StoredBlob> {
    const provider = this.registry.get(providerId);
    if (provider === undefined) throw new Error(`the provider ${providerId} is not configured`);
    return downloadMedia(source, {
      egress: this.egress,
      store: this.store,
      clock: this.clock,
      policy: provider.transferPolicy,
      modality,
      maxBytes: this.config.media.max_output_bytes,
      signal,
      ...(isHostCall(call) ? { call } : {}),
    });
  }
}
