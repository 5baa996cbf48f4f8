import { Injectable } from '@nestjs/common';
import { type Principal, reachOf } from '../../domain/access/index.js';
import { AssetsRepository, type HeldReference } from '../../domain/storage/index.js';
import { type CommandReference, type GenerationCommand, GenerationsQueries } from '../../engine/generations/index.js';
import { ApiError } from '../../platform/common/index.js';
import { type ImageReference, LONGEST_REFERENCE_URL, type ReferenceImage } from './dto/generation-request.dto.js';

/** A file that came with a form. */
export interface IntakeFile {
  /** The part's name as it was written: `image[1]`. */
  readonly part: string;
  /** Without brackets: `image`. */
  readonly name: string;
  readonly index?: number;
  readonly reference: HeldReference;
}

/** OpenAI's spellings: a URL or base64 text, or an object. */
export type ImageInput = string | ImageReference;

/** Where a reference's bytes are, before a file id is looked up. */
export type NamedSource =
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'base64'; readonly value: string }
  | { readonly kind: 'file'; readonly id: string }
  | { readonly kind: 'held'; readonly reference: HeldReference };

export interface NamedReference {
  readonly role?: string;
  /** The field's path, for errors. */
  readonly param: string;
  readonly source: NamedSource;
}

export interface ReferenceFields {
  readonly reference_images?: readonly ReferenceImage[] | null;
  /** Field names and their pictures, in the order in which they count. */
  readonly inputs: readonly {
    readonly field: string;
    readonly role?: string;
    readonly value: ImageInput | readonly ImageInput[] | null | undefined;
  }[];
}

/**
 * All reference media of a request in one list: files first, in the order of their arrival (those with an index by it), then the
 * fields, then `reference_images`. A file field of another name is the role of its file.
 * @param defaultRoleFields names of file fields whose pictures take the model's default role
 * @throws ApiError `param_invalid_type`, `param_too_long`, `ref_role_unknown` for a `blob` whose part is not there
 */
export function collectReferences(
  files: readonly IntakeFile[],
  { reference_images: listed, inputs }: ReferenceFields,
  defaultRoleFields: readonly string[],
): NamedReference[] {
  const blobs = new Set((listed ?? []).filter(({ type }) => type === 'blob').map(({ value }) => value));
  const loose = files.filter(({ part }) => !blobs.has(part));
  return [
    ...inOrder(loose).map(({ name, part, reference }) => ({
      ...(defaultRoleFields.includes(name) ? {} : { role: name }),
      param: part,
      source: { kind: 'held' as const, reference },
    })),
    ...inputs.flatMap(({ field, role, value }) => namedInputs(field, role, value)),
    ...(listed ?? []).map((image, index) => listedReference(image, `reference_images[${index}]`, files)),
  ];
}

/** Files of one name by their indices; everything else stays where it is. */
function inOrder(files: readonly IntakeFile[]): IntakeFile[] {
  const positions = new Map<string, number>();
  for (const [position, { name }] of files.entries()) if (!positions.has(name)) positions.set(name, position);
  return [...files].sort(
    (left, right) => (positions.get(left.name) ?? 0) - (positions.get(right.name) ?? 0) || (left.index ?? 0) - (right.index ?? 0),
  );
}

function namedInputs(
  field: string,
  role: string | undefined,
  value: ImageInput | readonly ImageInput[] | null | undefined,
): NamedReference[] {
  if (value === null || value === undefined) return [];
  const list = Array.isArray(value);
  return ([value].flat() as ImageInput[]).map((input, index) => {
    const param = list ? `${field}[${index}]` : field;
    return { ...(role === undefined ? {} : { role }), param, source: sourceOf(input, param) };
  });
}

function sourceOf(input: ImageInput, param: string): NamedSource {
  if (typeof input === 'string') return textSource(input, param);
  const { image_url: image, file_id: id } = input;
  const [url, urlParam] = typeof image === 'object' ? [image?.url, `${param}.image_url.url`] : [image, `${param}.image_url`];
  if ((url ?? '') !== '' && (id ?? '') !== '')
    throw new ApiError('param_invalid_type', `${param} has either image_url or file_id.`, { param });
  if (url) return textSource(url, urlParam);
  if (id) return { kind: 'file', id };
  throw new ApiError('param_invalid_type', `${param} needs image_url or file_id.`, { param });
}

/** What has a scheme is a URL; base64 knows no colon. */
function textSource(text: string, param: string): NamedSource {
  return /^\s*[a-z][\w+.-]*:/i.test(text.slice(0, MAX_SCHEME_LENGTH)) ? urlSource(text.trim(), param) : { kind: 'base64', value: text };
}

/** With white space before it; longer names are none of a scheme that is taken. */
const MAX_SCHEME_LENGTH = 64;

/** @throws ApiError `param_too_long` for what is kept with the generation and no server would take */
function urlSource(url: string, param: string): NamedSource {
  if (url.length <= LONGEST_REFERENCE_URL || /^data:/i.test(url)) return { kind: 'url', url };
  throw new ApiError('param_too_long', `${param} is a URL of more than ${LONGEST_REFERENCE_URL} characters.`, { param });
}

function listedReference({ type, value, role }: ReferenceImage, param: string, files: readonly IntakeFile[]): NamedReference {
  const named = role === null || role === undefined ? { param } : { param, role };
  switch (type) {
    case 'url':
      return { ...named, source: textSource(value, `${param}.value`) };
    case 'base64':
      return { ...named, source: { kind: 'base64', value } };
    case 'blob': {
      const file = files.find(({ part }) => part === value);
      if (file !== undefined) return { ...named, source: { kind: 'held', reference: file.reference } };
      const parts = files.map(({ part }) => part);
      throw new ApiError('malformed_multipart', `${param} names the part ${value.slice(0, 100)}, which is not there.`, {
        param: `${param}.value`,
        accepted: parts,
      });
    }
  }
}

/** Looks up the files that callers name by their ids. */
@Injectable()
export class References {
  constructor(
    private readonly assets: AssetsRepository,
    private readonly generations: GenerationsQueries,
  ) {}

  /** @throws ApiError `reference_invalid` for an id that is no file of a generation that the caller may see */
  resolve(caller: Principal, named: readonly NamedReference[]): Promise<CommandReference[]> | CommandReference[] {
    if (named.length === 0) return [];
    return Promise.all(
      named.map(async ({ source, ...reference }) => ({
        ...reference,
        source: source.kind === 'file' ? await this.file(caller, source.id, reference.param) : source,
      })),
    );
  }

  private async file(caller: Principal, id: string, param: string): Promise<CommandReference['source']> {
    const asset = await this.assets.find(id);
    if (asset === null || !(await this.generations.has(reachOf(caller), asset.generationId))) {
      throw new ApiError('reference_invalid', `There is no file ${id.slice(0, 100)}.`, { param });
    }
    const { sha256, bytes, contentType, width, height } = asset;
    return {
      kind: 'ingested',
      reference: { blob: { sha256, bytes, contentType, ...(width === null ? {} : { width }), ...(height === null ? {} : { height }) } },
    };
  }
}

/** Files of a form wait outside the store until their request is admitted; those that nobody admitted are forgotten when `work` is over. */
export async function releasing<T>({ references }: Pick<GenerationCommand, 'references'>, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } finally {
    await discardAll(references.flatMap(({ source }) => (source.kind === 'held' ? [source.reference] : [])));
  }
}

/** Files of a request that did not become a command. */
export async function discardAll(held: readonly HeldReference[]): Promise<void> {
  await Promise.all(held.map((file) => file.discard()));
}
