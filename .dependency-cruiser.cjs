// The layers of src/, and what packages and plugins may know. docs/develop/architecture.md draws them.

/** Top first: a layer imports from itself and from those after it. src/<layer>/<module>/ is a module, and others reach it through its index.ts alone. */
const LAYERS = ['app', 'api', 'engine', 'policy', 'domain', 'platform'];
const SPEC = '\\.spec\\.ts$';
const anyOf = (names) => `(${names.join('|')})`;
const HTTP_OUTSIDE_API = `^src/${anyOf(LAYERS.filter((layer) => layer !== 'api'))}/.*(/dto/|\\.controller\\.)`;

const OUTSIDE_LAYERS = { path: '^src/', pathNot: ['^src/app/', `^src/${anyOf(LAYERS)}/[^/]+/`] };

const layerRules = LAYERS.slice(1).map((layer, index) => ({
  name: `layer-${layer}`,
  severity: 'error',
  comment: `${layer} knows nothing of the layers above it`,
  from: { path: `^src/${layer}/`, pathNot: SPEC },
  to: { path: `^src/${anyOf(LAYERS.slice(0, index + 1))}/` },
}));

/** The parts of the modules of src/engine that have any, top first and under the files of the module's root. */
const PARTS = {
  generations: ['execute', 'admit', 'share', 'settle', 'vendor', 'read', 'retention', 'leases', 'store', 'model'],
  webhooks: ['outbox', 'delivery', 'endpoints'],
};

const partRules = Object.entries(PARTS).flatMap(([module, parts]) => {
  const root = `^src/engine/${module}/`;
  const orderRules = parts.map((part, index) => ({
    name: `${module}-${part}`,
    severity: 'error',
    comment: `${part} knows nothing of the parts above it`,
    from: { path: `${root}${part}/`, pathNot: SPEC },
    to: { path: [`${root}[^/]+\\.ts$`, ...parts.slice(0, index).map((above) => `${root}${above}/`)] },
  }));
  const knownRule = {
    name: `${module}-known-parts`,
    severity: 'error',
    comment: `A folder of ${module} is one of its parts`,
    from: {},
    to: { path: `${root}[^/]+/`, pathNot: `${root}${anyOf(parts)}/` },
  };
  return [...orderRules, knownRule];
});

module.exports = {
  forbidden: [
    ...layerRules,
    ...partRules,
    // One that imports, one that stands alone, and one that is imported.
    ...[
      { from: OUTSIDE_LAYERS, to: {} },
      { from: { ...OUTSIDE_LAYERS, orphan: true }, to: {} },
      { from: { path: '^(src|migrations)/' }, to: OUTSIDE_LAYERS },
    ].map((edge) => ({
      name: 'known-layers',
      severity: 'error',
      comment: 'A file of src/ lies in a layer, and below app in a module of it',
      ...edge,
    })),
    // The same three edges.
    ...[
      { from: { path: HTTP_OUTSIDE_API }, to: {} },
      { from: { path: HTTP_OUTSIDE_API, orphan: true }, to: {} },
      { from: { path: '^src/' }, to: { path: HTTP_OUTSIDE_API } },
    ].map((edge) => ({
      name: 'http-in-api',
      severity: 'error',
      comment: 'Controllers and DTOs lie in api alone',
      ...edge,
    })),
    {
      name: 'no-cycles',
      severity: 'error',
      from: { pathNot: SPEC },
      to: { circular: true },
    },
    {
      name: 'module-index',
      severity: 'error',
      comment: 'Another module is imported by its index.ts only',
      from: { path: '^src/([^/]+/[^/]+)/', pathNot: ['^src/app/', SPEC] },
      to: { path: '^src/[^/]+/[^/]+/', pathNot: ['^src/$1/', '^src/[^/]+/[^/]+/index\\.ts$'] },
    },
    {
      name: 'module-index-app',
      severity: 'error',
      comment: 'app, whose folders are one module, imports the others by their index.ts only',
      from: { path: '^src/app/', pathNot: SPEC },
      to: { path: '^src/[^/]+/[^/]+/', pathNot: ['^src/app/', '^src/[^/]+/[^/]+/index\\.ts$'] },
    },
    {
      name: 'plugin-alone',
      severity: 'error',
      comment: 'A plugin knows the contract and its own files, and nothing else of ours',
      from: { path: '^plugins/([^/]+)/' },
      to: { path: '^(src|migrations|test|bench|plugins|packages)/', pathNot: ['^plugins/$1/', '^packages/plugin-sdk/'] },
    },
    {
      name: 'plugin-source-without-tests',
      severity: 'error',
      comment: 'What the gateway loads needs neither the plugin’s simulator nor its tests',
      from: { path: '^plugins/[^/]+/src/', pathNot: SPEC },
      to: { path: ['^plugins/[^/]+/(simulator|test)/', '^packages/plugin-sdk/(src|dist)/testing/'] },
    },
    {
      name: 'simulator-knows-the-vendor',
      severity: 'error',
      comment: 'A simulator is written from the vendor’s documents, not from the plugin’s code, and is published without its tests',
      from: { path: '^plugins/[^/]+/simulator/', pathNot: SPEC },
      to: { path: ['^plugins/[^/]+/(src|test|dist)/', SPEC] },
    },
    {
      name: 'packages-alone',
      severity: 'error',
      from: { path: '^packages/' },
      to: { path: '^(src|migrations|plugins|test|bench)/' },
    },
    {
      name: 'plugins-are-loaded-not-imported',
      severity: 'error',
      from: { path: '^(src|migrations)/', pathNot: SPEC },
      to: { path: '^plugins/' },
    },
    {
      name: 'gateway-ships-no-tests',
      severity: 'error',
      from: { path: '^(src|migrations)/', pathNot: SPEC },
      to: { path: ['^(test|bench)/', '^packages/plugin-sdk/(src|dist)/testing/', SPEC] },
    },
    {
      name: 'undici-in-security',
      severity: 'error',
      comment: 'Only security opens outbound connections',
      from: { path: '^(src|plugins)/', pathNot: ['^src/platform/security/', SPEC] },
      to: { path: '(^|/)node_modules/undici/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'typeorm-in-repositories',
      severity: 'error',
      comment: 'SQL lives in repositories, entities, migrations and the database module',
      from: {
        path: '^src/',
        pathNot: ['^src/platform/database/', '\\.(repository|entity|module)\\.ts$', SPEC],
      },
      to: { path: '(^|/)node_modules/(typeorm|pg|sqlite3)/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'api-without-sql',
      severity: 'error',
      from: { path: '^src/(app|api)/', pathNot: ['^src/app/app.module.ts$', SPEC] },
      to: { path: '(^|/)node_modules/(@nestjs/)?typeorm/' },
    },
    {
      name: 'large-libraries',
      severity: 'error',
      comment: 'No start loads all of these: decorators come from openapi and validation in platform',
      from: { path: '^src/', pathNot: ['^src/app/http/openapi-generation\\.ts$', SPEC] },
      to: { path: '(^|/)node_modules/(@nestjs/swagger|class-validator)/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-development-dependencies',
      severity: 'error',
      from: { path: '^(src|migrations|packages/[^/]+/src|plugins/[^/]+/(src|simulator))/', pathNot: SPEC },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: '(^|/)node_modules/' },
    exclude: { path: '^packages/[^/]+/template|^(packages|plugins)/[^/]+/dist/' },
    tsPreCompilationDeps: true,
    combinedDependencies: true,
    tsConfig: { fileName: 'tsconfig.check.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      mainFields: ['module', 'main', 'types'],
    },
  },
};
