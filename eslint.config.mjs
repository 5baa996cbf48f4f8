// Biome formats and lints. ESLint adds only what needs types, and what keeps time, settings and the network in their one place.
import tseslint from 'typescript-eslint';

const SPECS = ['**/*.spec.ts'];

const CLOCK = [
  { selector: "CallExpression[callee.object.name='Date'][callee.property.name='now']", message: 'Time comes from common/clock.' },
  { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: 'Time comes from common/clock.' },
  { selector: "CallExpression[callee.name='Date']", message: 'Time comes from common/clock.' },
];
const environment = (message) => [
  { selector: "MemberExpression[object.name='process'][property.name='env']", message },
  { selector: "ImportDeclaration[source.value='node:process'] ImportSpecifier[imported.name='env']", message },
];
const network = (message) => [
  { selector: "CallExpression[callee.name='fetch']", message },
  { selector: "CallExpression[callee.object.name='globalThis'][callee.property.name='fetch']", message },
  { selector: 'CallExpression[callee.object.name=/^https?$/][callee.property.name=/^(request|get)$/]', message },
  {
    selector:
      "ImportDeclaration[importKind!='type'][source.value=/^(node:)?https?$/] ImportSpecifier[importKind!='type'][imported.name=/^(request|get)$/]",
    message,
  },
  { selector: "ImportDeclaration[importKind!='type'][source.value=/^(undici|(node:)?(dgram|http2))$/]", message },
  {
    selector:
      "ImportDeclaration[importKind!='type'][source.value=/^(node:)?(net|tls)$/] ImportSpecifier[importKind!='type'][imported.name!=/^isIP/]",
    message,
  },
  {
    selector:
      "ImportDeclaration[importKind!='type'][source.value=/^(node:)?(net|tls)$/] > :matches(ImportDefaultSpecifier, ImportNamespaceSpecifier)",
    message,
  },
  { selector: 'ImportExpression[source.value=/^(undici|(node:)?(net|tls|dgram|http2))$/]', message },
];

const ENVIRONMENT_IN_GATEWAY = environment('Only config reads the environment.');
const NETWORK_IN_GATEWAY = network('Only security opens outbound connections.');

export default tseslint.config(
  { ignores: ['**/dist/', 'packages/create-plugin/template*/'] },
  {
    files: ['{src,migrations,test,bench,packages/*/src,plugins/*/{src,simulator,test}}/**/*.ts', 'vitest.config.ts'],
    plugins: { '@typescript-eslint': tseslint.plugin },
    languageOptions: {
      parser: tseslint.parser,
      parserOptions: { project: './tsconfig.check.json', tsconfigRootDir: import.meta.dirname },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error', noInlineConfig: true },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/only-throw-error': 'error',
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: [...SPECS, 'src/platform/config/**', 'src/platform/security/**', 'src/platform/common/clock-and-ids.ts'],
    rules: { 'no-restricted-syntax': ['error', ...CLOCK, ...ENVIRONMENT_IN_GATEWAY, ...NETWORK_IN_GATEWAY] },
  },
  {
    files: ['src/platform/common/clock-and-ids.ts'],
    rules: { 'no-restricted-syntax': ['error', ...ENVIRONMENT_IN_GATEWAY, ...NETWORK_IN_GATEWAY] },
  },
  {
    files: ['src/platform/config/**/*.ts'],
    ignores: SPECS,
    rules: { 'no-restricted-syntax': ['error', ...CLOCK, ...NETWORK_IN_GATEWAY] },
  },
  {
    files: ['src/platform/security/**/*.ts'],
    ignores: SPECS,
    rules: { 'no-restricted-syntax': ['error', ...CLOCK, ...ENVIRONMENT_IN_GATEWAY] },
  },
  {
    files: ['plugins/*/src/**/*.ts'],
    ignores: SPECS,
    rules: {
      'no-restricted-syntax': [
        'error',
        ...environment('A plugin gets options and secrets from its host.'),
        ...network('A plugin reaches the network through call.fetch.'),
      ],
    },
  },
);
