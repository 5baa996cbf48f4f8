import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { ApiError, Clock } from '../../platform/common/index.js';
import { CONFIG, type Config, ownUrl } from '../../platform/config/index.js';
import { InstanceSecrets } from '../../platform/database/index.js';

export const FILES_PATH = '/v1/files';

/** Links made within the same minute are equal, so that a browser's cache can use them. */
const ROUNDING_SECONDS = 60;

export interface LinkOptions {
  /** Seconds since the epoch. */
  readonly expiresAt: number;
  /** Whether the browser shall save the file rather than show it. */
  readonly download?: boolean;
}

/** The query of a link, as text from the request. */
export interface LinkQuery {
  readonly expires?: unknown;
  readonly signature?: unknown;
  readonly download?: unknown;
}

/** Makes and checks the links by which anyone who holds one may read one file for a while. */
@Injectable()
export class LinkSigner implements OnModuleInit {
  private key: KeyObject | undefined;
  /** Undefined: links lead to where their caller asked. */
  private readonly publicUrl: string | undefined;

  constructor(
    private readonly secrets: InstanceSecrets,
    private readonly clock: Clock,
    @Inject(CONFIG) private readonly config: Config,
  ) {
    this.publicUrl = config.server.public_url === undefined ? undefined : ownUrl(config.server, '');
  }

  async onModuleInit(): Promise<void> {
    // A key's bytes would be made a key again for every link.
    this.key = createSecretKey(await this.secrets.get('file-links'));
  }

  /** `/v1/files/<id>?expires=…&signature=…` */
  sign(assetId: string, options: LinkOptions): string {
    const download = options.download === true;
    const signature = this.mac(assetId, options.expiresAt, download).toString('base64url');
    return `${FILES_PATH}/${assetId}?expires=${options.expiresAt}${download ? '&download=1' : ''}&signature=${signature}`;
  }

  /** @throws ApiError `link_invalid` when the link was altered or has expired. */
  verify(assetId: string, query: LinkQuery): LinkOptions {
    const { expires, signature, download } = query;
    if (typeof expires !== 'string' || !/^\d{1,12}$/.test(expires) || typeof signature !== 'string') {
      throw new ApiError('link_invalid', 'The link is incomplete.');
    }
    if (download !== undefined && download !== '1') throw new ApiError('link_invalid', 'The link was altered.');
    const options = { expiresAt: Number(expires), download: download === '1' };
    const expected = this.mac(assetId, options.expiresAt, options.download);
    const given = Buffer.from(signature, 'base64url');
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
      throw new ApiError('link_invalid', 'The link was altered.');
    }
    if (options.expiresAt * 1000 <= this.clock.nowMs()) {
      throw new ApiError('link_invalid', 'The link has expired. Ask for the generation again to get a fresh one.');
    }
    return options;
  }

  /** A link that holds for `storage.link_ttl_seconds` from now, at `server.public_url` or else at the origin that the caller used. */
  urlFor(asset: { readonly id: string }, requestOrigin: string, download = false): string {
    return `${this.publicUrl ?? requestOrigin.replace(/\/+$/, '')}${this.sign(asset.id, { expiresAt: this.expiry(), download })}`;
  }

  private expiry(): number {
    const earliest = this.clock.nowMs() / 1000 + this.config.storage.link_ttl_seconds;
    return Math.ceil(earliest / ROUNDING_SECONDS) * ROUNDING_SECONDS;
  }

  private mac(assetId: string, expiresAt: number, download: boolean): Buffer {
    if (this.key === undefined) throw new Error('The key of the links is not loaded yet.');
    return createHmac('sha256', this.key)
      .update(`${assetId}\n${expiresAt}\n${download ? 'download' : 'show'}`)
      .digest();
  }
}
