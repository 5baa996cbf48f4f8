/** The contract's version, an integer; additive within one. */
export const PLUGIN_SPEC = 1;

/** The keyword by which a package is known as a plugin. */
export const PLUGIN_KEYWORD = 'litegen-plugin';

/** The `litegen` key of a plugin's package.json, validated before any of the plugin's code is imported. */
export interface PluginManifest {
  readonly spec: number;
  /** Lower-case letters, digits and hyphens; the prefix of the plugin's model ids. */
  readonly id: string;
  /** Relative path of the compiled entry, inside the package. */
  readonly entry: string;
  /** Relative path of the folder with capability YAML. */
  readonly models?: string;
  /** Secret name → the environment variables it is read from, first match wins. */
  readonly secrets?: Readonly<Record<string, readonly string[]>>;
  /** Secrets without which the provider still works. */
  readonly optionalSecrets?: readonly string[];
  /** Origins the plugin may call. `https://*.example.com` covers subdomains. `$api_base` stands for the operator's base URL. */
  readonly egress?: readonly string[];
  /**
   * Where outputs are downloaded from, beside `$api_base`: origins as in `egress`, or `public` for any public address. The gateway sends no
   * credential there but those that an output's `headers` name for the origin of `$api_base`. The operator's `providers.<id>.egress` goes
   * before it. Default: `egress`.
   */
  readonly transfers?: 'public' | readonly string[];
  /** Environment variables that set `api_base`, first match wins. */
  readonly apiBaseEnvironment?: readonly string[];
  /** How many questions per second about jobs the vendor's documentation allows one credential. The operator's setting goes before it. */
  readonly pollsPerSecond?: number;
  /** A name for people. Default: the id. */
  readonly displayName?: string;
}
