// The public types of @litegen/plugin-sdk as they are committed in its etc/, so that a change of what plugins are written against is seen in review.
//   node scripts/api-report.mjs [--write] [the package's folder]
import { join, resolve } from 'node:path';
import { Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor';
import { buildIfStale } from './build.mjs';
import { ROOT } from './files.mjs';

const SDK = join(ROOT, 'packages/plugin-sdk');
const REPORTS = [
  // With what exported types are made of, such as the fields that both kinds of requests share.
  { name: 'plugin-sdk', entry: 'dist/index.d.ts', includeForgottenExports: true },
  // Without: what it takes from the contract is in the other report.
  { name: 'plugin-sdk-testing', entry: 'dist/testing/index.d.ts', includeForgottenExports: false },
];
const QUIET = { logLevel: ExtractorLogLevel.None };
const LOUD = { logLevel: ExtractorLogLevel.Error };

/** Whether the committed report says what the build declares. With `isWritten` it does from then on. */
function settle(folder, { name, entry, includeForgottenExports }, isWritten) {
  const config = ExtractorConfig.prepare({
    configObject: {
      projectFolder: folder,
      mainEntryPointFilePath: join(folder, entry),
      newlineKind: 'lf',
      compiler: { tsconfigFilePath: join(folder, 'tsconfig.json') },
      apiReport: {
        enabled: true,
        reportFileName: name,
        reportFolder: join(folder, 'etc'),
        reportTempFolder: join(ROOT, 'node_modules/.cache/api-report'),
        includeForgottenExports,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        compilerMessageReporting: { default: LOUD },
        // Types are what is reported, not how they are documented.
        extractorMessageReporting: { default: QUIET },
        tsdocMessageReporting: { default: QUIET },
      },
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: join(folder, 'package.json'),
  });
  const problems = [];
  const result = Extractor.invoke(config, {
    localBuild: isWritten,
    messageCallback: (message) => {
      if (message.logLevel === ExtractorLogLevel.Error) problems.push(message.text);
      message.handled = true;
    },
  });
  if (problems.length > 0) throw new Error(problems.join('\n'));
  return isWritten || !result.apiReportChanged;
}

const isWritten = process.argv.includes('--write');
const folder = process.argv.slice(2).find((argument) => !argument.startsWith('--'));
if (folder === undefined) buildIfStale();
for (const report of REPORTS) {
  try {
    if (!settle(resolve(folder ?? SDK), report, isWritten))
      throw new Error(`etc/${report.name}.api.md: not what is exported now; npm run generate`);
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
