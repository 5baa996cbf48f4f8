// Publishes every package whose version the registry does not have yet, and tags it: what `changeset publish` does, and the gateway too.
//   node scripts/release.mjs [--dry-run]
import { spawnSync } from 'node:child_process';
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ROOT } from './files.mjs';

const isDryRun = process.argv.includes('--dry-run');

/** What depends on others comes after them. */
function packages() {
  const workspaces = ['packages', 'plugins'].flatMap((group) => readdirSync(join(ROOT, group)).map((name) => join(ROOT, group, name)));
  return [...workspaces.sort(), ROOT]
    .map((folder) => ({ folder, manifest: JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) }))
    .filter(({ manifest }) => manifest.private !== true);
}

function isPublished({ name, version }) {
  const { status, stdout, stderr } = spawnSync('npm', ['view', `${name}@${version}`, 'version', '--json'], { cwd: ROOT, encoding: 'utf8' });
  if (status === 0) return stdout.trim() !== '';
  if (`${stdout}${stderr}`.includes('E404')) return false;
  throw new Error(`npm view ${name}@${version} failed:\n${stderr}`);
}

/**
 * Adds what only a release needs, in a checkout that is thrown away: the licence, and the repository that the provenance has to agree with.
 * @param repository `owner/name`
 */
function complete({ folder, manifest }, repository) {
  if (folder !== ROOT) copyFileSync(join(ROOT, 'LICENSE'), join(folder, 'LICENSE'));
  const directory = relative(ROOT, folder);
  manifest.repository = { type: 'git', url: `git+https://github.com/${repository}.git`, ...(directory === '' ? {} : { directory }) };
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

function run(command, args, cwd) {
  const { status } = spawnSync(command, args, { cwd, stdio: 'inherit' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed in ${cwd}`);
}

for (const each of packages()) {
  const { name, version } = each.manifest;
  if (isPublished(each.manifest)) {
    console.log(`${name}@${version} is published.`);
    continue;
  }
  if (process.env.GITHUB_REPOSITORY && !isDryRun) complete(each, process.env.GITHUB_REPOSITORY);
  run('npm', ['publish', ...(isDryRun ? ['--dry-run'] : [])], each.folder);
  if (!isDryRun) run('git', ['tag', `${name}@${version}`], ROOT);
}
