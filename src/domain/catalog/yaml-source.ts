import { isAlias, isMap, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import type { z } from 'zod';
import { parsedYaml } from './parsed-yaml.js';

/** Keys and positions from the top of a document. */
export type YamlPath = readonly (string | number)[];

/** Something wrong or doubtful in a file. */
export interface CatalogProblem {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  /** Such as `models[0].params.size`. */
  readonly path: string;
  readonly message: string;
}

/** `file:line:column: path: message` */
export function formatProblem({ file, line, column, path, message }: CatalogProblem): string {
  return `${file}:${line}:${column}: ${path === '' ? '' : `${path}: `}${message}`;
}

export function formatPath(path: YamlPath): string {
  return path.map((part, index) => (typeof part === 'number' ? `[${part}]` : index === 0 ? part : `.${part}`)).join('');
}

/** Aliases that one file may use; enough for shared blocks, too few for a document that explodes. */
const MAX_ALIASES = 1000;

/** A YAML file that remembers where everything stood. */
export class YamlSource {
  readonly problems: CatalogProblem[] = [];
  readonly value: unknown;
  private readonly lines = new LineCounter();
  private parsed: ReturnType<typeof parseDocument> | undefined;

  constructor(
    readonly file: string,
    private readonly text: string,
  ) {
    this.value = parsedYaml(text);
    if (this.value !== undefined) return;
    for (const error of this.document.errors) this.problems.push(this.problemAt(error.pos[0], '', error.message));
    if (this.problems.length > 0) return;
    try {
      this.value = this.document.toJS({ maxAliasCount: MAX_ALIASES });
    } catch (error) {
      this.problems.push(this.problemAt(0, '', error instanceof Error ? error.message : String(error)));
    }
  }

  /** Only the document knows where everything stood. */
  private get document(): ReturnType<typeof parseDocument> {
    this.parsed ??= parseDocument(this.text, { schema: 'core', merge: true, lineCounter: this.lines, prettyErrors: false });
    return this.parsed;
  }

  /** A problem at a path; at the nearest enclosing key when the path itself is not in the file. */
  problem(path: YamlPath, message: string): CatalogProblem {
    return this.problemAt(this.offsetOf(path), formatPath(path), message);
  }

  /** Zod's findings at their places. Unknown keys become one problem each. */
  schemaProblems(issues: readonly z.core.$ZodIssue[], base: YamlPath): CatalogProblem[] {
    return issues.flatMap((issue) => {
      const path = [...base, ...issue.path.filter((part) => typeof part !== 'symbol')];
      if (issue.code !== 'unrecognized_keys') return [this.problem(path, issue.message)];
      const messages = issue.message.split('\n');
      return issue.keys.map((key, index) => this.problem([...path, key], messages[index] ?? 'no such key'));
    });
  }

  private problemAt(offset: number, path: string, message: string): CatalogProblem {
    const { line, col } = this.lines.linePos(offset);
    return { file: this.file, line: Math.max(1, line), column: Math.max(1, col), path, message };
  }

  private offsetOf(path: YamlPath): number {
    const { document } = this;
    let node: unknown = document.contents;
    let offset = rangeStart(node) ?? 0;
    for (const part of path) {
      if (isAlias(node)) node = node.resolve(document);
      if (isMap(node)) {
        const pair = node.items.find((item) => scalarValue(item.key) === String(part));
        if (pair === undefined) break;
        offset = rangeStart(pair.key) ?? offset;
        node = pair.value;
      } else if (isSeq(node) && typeof part === 'number') {
        node = node.items[part];
        offset = rangeStart(node) ?? offset;
      } else break;
    }
    return offset;
  }
}

function rangeStart(node: unknown): number | undefined {
  return (node as Partial<Node> | null | undefined)?.range?.[0];
}

function scalarValue(node: unknown): string | undefined {
  const value = (node as { value?: unknown } | null)?.value;
  return value === undefined || value === null ? undefined : String(value);
}
