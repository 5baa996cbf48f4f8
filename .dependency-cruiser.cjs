// The walls of the house. A module of src/ imports from its own floor or a lower one, and only through the other module's index.ts.

const FLOORS = [
  ['ground', ['config', 'database', 'redis', 'security', 'metrics', 'tracing', 'common']],
  ['knowledge', ['catalog', 'providers', 'storage', 'auth', 'tenancy', 'audit']],
  ['judgement', ['routing', 'cache', 'costs', 'budgets', 'limits']],
  ['engine', ['generations', 'webhooks']],
];
const SPEC = '\\.spec\\.ts$';
const modules = (names) => `^src/(${names.join('|')})/`;
const below = (count) => FLOORS.slice(0, count).flatMap(([, names]) => names);

/** A floor may reach itself and what lies under it: everything else in a folder of src/ is above. What has no floor is a door. */
const floorRules = FLOORS.map(([floor, names], index) => ({
  name: `floor-${floor}`,
  severity: 'error',
  comment: `${floor} knows nothing of the floors above it`,
  from: { path: modules(names), pathNot: SPEC },
  to: { path: '^src/', pathNot: modules(below(index + 1)) },
}));

module.exports = {
  forbidden: [
    ...floorRules,
    {
      name: 'no-cycles',
      severity: 'error',
      from: { pathNot: SPEC },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'module-index',
      severity: 'error',
      comment: 'Another module is imported by its index.ts only',
      from: { path: '^src/([^/]+)/', pathNot: SPEC },
      to: { path: '^src/[^/]+/', pathNot: ['^src/$1/', '^src/[^/]+/index\\.ts$'] },
    },
    {
      name: 'module-index-root',
      severity: 'error',
      comment: 'main, cli and the root module import modules by their index.ts only; http is part of the root',
      from: { path: '^src/[^/]+\\.ts$', pathNot: SPEC },
      to: { path: '^src/[^/]+/', pathNot: ['^src/http/', '^src/[^/]+/index\\.ts$'] },
    },
    {
      name: 'plugin-alone',
      severity: 'error',
      comment: 'A plugin knows the contract and its own files, and nothing else of ours',
      from: { path: '^plugins/([^/]+)/' },
      to: { path: '^(src|migrations|test|bench|plugins|packages)/', pathNot: ['^plugins/$1/', '^packages/plugin-sdk/', '^test/vendors/'] },
    },
    {
      name: 'plugin-ships-no-tests',
      severity: 'error',
      from: { path: '^plugins/', pathNot: SPEC },
      to: { path: ['^test/', '^packages/plugin-sdk/(src|dist)/testing/'] },
    },
    {
      name: 'packages-beside-the-house',
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
      from: { path: '^(src|plugins)/', pathNot: ['^src/security/', SPEC] },
      to: { path: '(^|/)node_modules/undici/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'typeorm-in-repositories',
      severity: 'error',
      comment: 'SQL lives in repositories, entities, migrations and the database module',
      from: {
        path: '^src/',
        pathNot: ['^src/database/', '\\.(repository|entity|module)\\.ts$', SPEC],
      },
      to: { path: '(^|/)node_modules/(typeorm|pg|sqlite3)/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'doors-without-sql',
      severity: 'error',
      from: { path: '^src/[^/]+/', pathNot: [modules(below(FLOORS.length)), SPEC] },
      to: { path: '(^|/)node_modules/(@nestjs/)?typeorm/' },
    },
    {
      name: 'no-development-dependencies',
      severity: 'error',
      from: { path: '^(src|migrations|packages/[^/]+/src|plugins/[^/]+/src)/', pathNot: SPEC },
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
