import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const DOCUMENTS: readonly string[] = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '' && existsSync(join(ROOT, file)));

const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const exists = (file: string): boolean => existsSync(join(ROOT, file));

/** Without what is shown as code: a sample's brackets are no links. */
const prose = (text: string): string => text.replace(/^( *)(`{3,}|~{3,}).*?\n[\s\S]*?^\1\2 *$/gm, '').replace(/`[^`\n]*`/g, '');

/** The anchors that GitHub gives a page's headings. */
function anchors(file: string): Set<string> {
  const found = new Map<string, number>();
  const result = new Set<string>();
  const text = read(file).replace(/^( *)(`{3,}|~{3,}).*?\n[\s\S]*?^\1\2 *$/gm, '');
  for (const [, heading = ''] of text.matchAll(/^#{1,6} +(.+?) *#*$/gm)) {
    const plain = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const slug = plain.replace(/[^\p{L}\p{N}_ -]/gu, '').replaceAll(' ', '-');
    const count = found.get(slug) ?? 0;
    found.set(slug, count + 1);
    result.add(count === 0 ? slug : `${slug}-${count}`);
  }
  for (const [, id = ''] of text.matchAll(/<a (?:id|name)="([^"]+)"/g)) result.add(id);
  return result;
}

function brokenLinks(file: string, text: string): string[] {
  const targets = [...prose(text).matchAll(/\]\(<?([^)\s>]+)>?(?: "[^"]*")?\)|^ *\[[^\]]+\]: +(\S+)/gm)].map(
    ([, inline, reference]) => inline ?? reference ?? '',
  );
  return targets.filter((target) => {
    if (/^[a-z][a-z+.-]*:/i.test(target)) return false;
    const [path = '', anchor] = target.split('#');
    const linked = path === '' ? file : normalize(join(dirname(file), decodeURIComponent(path)));
    if (linked.startsWith('..') || !exists(linked)) return true;
    return anchor !== undefined && linked.endsWith('.md') && !anchors(linked).has(anchor);
  });
}

/** Where a page's `src/…` may begin: at the root, in its own package, and in the scaffold that the guide for authors shows. */
function bases(file: string): string[] {
  const own = /^((?:packages|plugins)\/[^/]+(?:\/template[^/]*)?)\//.exec(file)?.[1];
  return [
    '',
    ...(own === undefined ? [] : [own]),
    ...(file === 'docs/extend/plugin-authors.md' ? ['packages/create-plugin/template-typescript'] : []),
  ];
}

function missingFiles(file: string, text: string): string[] {
  const mentioned = [...text.matchAll(/(?<![\w./@-])(?:src|docs)\/[\w./*{<-]*/g)].map(([mention]) => mention.replace(/[.,]+$/, ''));
  return mentioned.filter((mention) => {
    const literal = mention.replace(/[*{<].*$/, '');
    const path = literal === mention ? mention : dirname(`${literal}x`);
    return !bases(file).some((base) => exists(join(base, path)) && (!path.endsWith('/') || statSync(join(ROOT, base, path)).isDirectory()));
  });
}

describe('the documents', () => {
  it('are found', () => {
    expect(DOCUMENTS).toEqual(expect.arrayContaining(['README.md', 'docs/README.md', 'docs/develop/architecture.md']));
  });

  it.each(DOCUMENTS)('%s links to pages, headings and files that exist', (file) => {
    expect(brokenLinks(file, read(file))).toEqual([]);
  });

  it.each(DOCUMENTS)('%s names files that exist', (file) => {
    expect(missingFiles(file, read(file))).toEqual([]);
  });

  it('are what code and pages refer to, not documents that nobody has', () => {
    const reference = String.raw`\([RB][0-9]+(, [RB][0-9]+)*\)|\bcontract [0-9]+\.[0-9]`;
    const { status, stdout } = spawnSync(
      'git',
      ['grep', '-nIE', reference, '--', '*.ts', '*.mjs', '*.md', '*.yaml', ':!*documents.spec.ts'],
      {
        cwd: ROOT,
        encoding: 'utf8',
      },
    );
    expect(stdout).toBe('');
    // It looked, and found nothing.
    expect(status).toBe(1);
  });

  it('are each in the index', () => {
    const index = read('docs/README.md');
    const pages = DOCUMENTS.filter((file) => /^docs\/(?!README|develop\/decisions\/)/.test(file));
    expect(pages.filter((file) => !index.includes(`](${file.slice('docs/'.length)})`))).toEqual([]);
  });

  it('fail for a link, a heading or a file that does not exist', () => {
    const links =
      '[a](gone.md) [b](README.md#gone) [c](#gone) [d](../gone.md)\n\n[e]: gone.md\n\n`[no link](gone.md)` [f](https://example.com/gone.md)';
    expect(brokenLinks('README.md', links)).toEqual(['gone.md', 'README.md#gone', '#gone', '../gone.md', 'gone.md']);
    expect(missingFiles('README.md', '`src/app/gone.ts`, docs/gone.md, src/gone/*.ts, dist/src/gone.js, src/app/*.ts.')).toEqual([
      'src/app/gone.ts',
      'docs/gone.md',
      'src/gone/*.ts',
    ]);
  });
});
