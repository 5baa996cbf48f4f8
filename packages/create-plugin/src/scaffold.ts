import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export type Language = 'typescript' | 'javascript';

export interface ScaffoldOptions {
  /** The npm package's name, such as `litegen-provider-acme`. */
  readonly packageName: string;
  /** The provider's id: lower-case letters, digits and hyphens; the prefix of its model ids. */
  readonly id: string;
  /** Must not exist yet, or be empty. */
  readonly directory: string;
  readonly language: Language;
}

/** A wrong argument, said to the person at the terminal. */
export class ScaffoldError extends Error {
  override readonly name = 'ScaffoldError';
}

const TEMPLATES = fileURLToPath(new URL('..', import.meta.url));
const ID = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
const PACKAGE_NAME = /^(@[a-z0-9][a-z0-9._-]*\/)?[a-z0-9][a-z0-9._-]*$/;
const TEMPLATE_PACKAGE = 'litegen-provider-acme';

/** `my-vendor` of `@scope/litegen-provider-my-vendor`. */
export function idOfPackage(packageName: string): string {
  return packageName.replace(/^@[^/]+\//, '').replace(/^litegen-(provider|plugin)-/, '');
}

/** Writes a plugin package. @returns the files written, relative to the directory. */
export async function scaffold(options: ScaffoldOptions): Promise<string[]> {
  const { packageName, id, directory, language } = options;
  if (!ID.test(id)) throw new ScaffoldError(`"${id}" is no provider id: lower-case letters, digits and hyphens, beginning with a letter`);
  if (!PACKAGE_NAME.test(packageName)) throw new ScaffoldError(`"${packageName}" is no npm package name`);
  await mkdir(directory, { recursive: true });
  if ((await readdir(directory)).length > 0) throw new ScaffoldError(`${directory} is not empty`);
  const written: string[] = [];
  for (const template of ['template', `template-${language}`]) {
    for (const path of await filesOf(join(TEMPLATES, template))) {
      const target = rename(path, id);
      const text = await readFile(join(TEMPLATES, template, path), 'utf8');
      await mkdir(dirname(join(directory, target)), { recursive: true });
      await writeFile(join(directory, target), fill(text, packageName, id));
      written.push(target);
    }
  }
  return written.sort();
}

async function filesOf(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1));
}

/** npm leaves a file called `.gitignore` out of a package, so the template's has no dot. */
function rename(path: string, id: string): string {
  return path === 'gitignore' ? '.gitignore' : path.replace('acme', id);
}

/** The templates are a working plugin for the invented vendor Acme; its name stands wherever the author's belongs. */
function fill(text: string, packageName: string, id: string): string {
  const displayName = id.replace(
    /(^|-)([a-z0-9])/g,
    (_match, hyphen: string, letter: string) => (hyphen ? ' ' : '') + letter.toUpperCase(),
  );
  return text
    .replaceAll(TEMPLATE_PACKAGE, packageName)
    .replaceAll('ACME', id.toUpperCase().replaceAll('-', '_'))
    .replaceAll('Acme', displayName)
    .replaceAll('acme', id);
}
