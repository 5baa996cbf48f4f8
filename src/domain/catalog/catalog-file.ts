import { z } from 'zod';
import type { Model } from './model.js';
import { checkModel, operationsOf } from './model-rules.js';
import { aliasesSchema, modelSchema } from './schema/index.js';
import { section } from './schema/section.js';
import { type CatalogProblem, type YamlPath, YamlSource } from './yaml-source.js';

export type RawModel = Readonly<Record<string, unknown>>;

/** A model as a file wrote it, before any override. */
export interface RawEntry {
  readonly id: string;
  readonly raw: RawModel;
  readonly source: YamlSource;
  readonly path: YamlPath;
}

export interface RawAlias {
  readonly alias: string;
  readonly target: string;
  readonly source: YamlSource;
}

export interface CatalogFile {
  readonly entries: readonly RawEntry[];
  readonly aliases: readonly RawAlias[];
  readonly problems: readonly CatalogProblem[];
}

/** The outline only: a model is checked after overrides are applied. */
const outlineSchema = section({
  aliases: aliasesSchema.optional(),
  models: z.array(z.looseObject({ id: z.string({ error: 'every model has an id' }) })).optional(),
});

/** Reads a file's outline. @param file the name that problems carry */
export function readCatalogFile(file: string, text: string): CatalogFile {
  const source = new YamlSource(file, text);
  if (source.problems.length > 0) return { entries: [], aliases: [], problems: source.problems };
  // An empty file, or one of comments, describes nothing.
  const outline = outlineSchema.safeParse(source.value ?? {});
  if (!outline.success) return { entries: [], aliases: [], problems: source.schemaProblems(outline.error.issues, []) };
  return {
    entries: (outline.data.models ?? []).map((raw, index) => ({ id: raw.id, raw, source, path: ['models', index] })),
    aliases: Object.entries(outline.data.aliases ?? {}).map(([alias, target]) => ({ alias, target, source })),
    problems: [],
  };
}

export interface CheckedEntry {
  readonly model?: Model;
  readonly problems: readonly CatalogProblem[];
  readonly warnings: readonly CatalogProblem[];
}

/** Checks one model. @param base the plugin's entry whose other keys are kept */
export function checkEntry(entry: RawEntry, layer: Model['layer'], base?: RawModel): CheckedEntry {
  const { source, path } = entry;
  const parsed = modelSchema.safeParse({ ...base, ...entry.raw });
  if (!parsed.success) return { problems: source.schemaProblems(parsed.error.issues, path), warnings: [] };
  const findings = checkModel(parsed.data, layer).map(({ severity, ...finding }) => ({
    severity,
    problem: source.problem([...path, ...finding.path], finding.message),
  }));
  const problems = findings.filter(({ severity }) => severity === 'error').map(({ problem }) => problem);
  return {
    ...(problems.length === 0 ? { model: { ...parsed.data, operations: operationsOf(parsed.data), layer, file: source.file } } : {}),
    problems,
    warnings: findings.filter(({ severity }) => severity === 'warning').map(({ problem }) => problem),
  };
}
