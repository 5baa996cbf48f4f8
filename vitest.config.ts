import { fileURLToPath } from 'node:url';
import swc from 'unplugin-swc';
import { defineConfig } from 'vitest/config';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

export default defineConfig({
  // Nest finds constructor parameters by their emitted types, which esbuild and oxc leave out.
  plugins: [
    swc.vite({
      tsconfigFile: false,
      module: { type: 'es6' },
      jsc: {
        target: 'es2023',
        parser: { syntax: 'typescript', decorators: true },
        transform: { legacyDecorator: true, decoratorMetadata: true },
        keepClassNames: true,
      },
      sourceMaps: true,
    }),
  ],
  resolve: {
    // Tests see the source of the contract and of the simulators, so that they never run against a stale build.
    alias: [
      { find: /^@litegen\/plugin-sdk$/, replacement: path('./packages/plugin-sdk/src/index.ts') },
      { find: /^@litegen\/plugin-sdk\/testing$/, replacement: path('./packages/plugin-sdk/src/testing/index.ts') },
      { find: /^litegen-provider-([^/]+)\/simulator$/, replacement: path('./plugins/$1/simulator/index.ts') },
    ],
  },
  test: {
    include: ['{src,packages,plugins,test}/**/*.spec.ts'],
    exclude: ['**/node_modules/**', '**/dist/**', 'packages/create-plugin/template*/**'],
    globalSetup: ['test/support/global-setup.ts'],
    setupFiles: ['test/support/setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    coverage: { provider: 'v8', include: ['src/**', 'packages/*/src/**', 'plugins/*/src/**'] },
  },
});
