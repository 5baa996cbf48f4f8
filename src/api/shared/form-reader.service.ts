import type { Readable } from 'node:stream';
import type { MultipartFile, MultipartValue } from '@fastify/multipart';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { ReferenceIngestion } from '../../domain/storage/index.js';
import {
  ApiError,
  contentCodings,
  decodeBody,
  decodeText,
  isHoldingItsBody,
  parseJson,
  printable,
  textProblem,
} from '../../platform/common/index.js';
import { CONFIG, type Config } from '../../platform/config/index.js';
import { MAX_REFERENCES } from './dto/generation-request.dto.js';
import { formError } from './form-error.js';
import { FormFields, fieldPath } from './form-values.js';
import { discardAll, type IntakeFile } from './references.service.js';

/** The part that holds the whole request as JSON, in LiteGen's multipart form. */
export const DOCUMENT_PART = 'request';
const JSON_TYPE = 'application/json';
const REPLACED = '\uFFFD';
/** How much of a refused upload is still read, so that the client gets to see why. */
const MAX_DISCARDED_BYTES = 256 * 1024 * 1024;

export interface IntakeOptions {
  /** Whether an MP4 will do as well as a picture. */
  readonly allowVideo: boolean;
  /** Refuses a model that the caller may not use; asked before a file is read, where the form has named the model by then. */
  readonly checkModel: (name: string) => void;
}

/** What a form holds. */
export interface Form {
  readonly fields: FormFields;
  readonly files: IntakeFile[];
  document: string | undefined;
}

/** Reads forms: OpenAI's, and LiteGen's of a JSON document with files. */
@Injectable()
export class FormReader {
  constructor(
    private readonly ingestion: ReferenceIngestion,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /**
   * Files are checked while they arrive, and wait outside the store. Those of a form that is refused are discarded.
   * @param check makes something of the form, or throws what it is refused with
   * @param model what the form is for, where that is known beforehand
   * @throws ApiError `malformed_request`, `malformed_multipart`, `body_too_large`, those of reference ingestion and of `check`
   */
  async read<T>(request: FastifyRequest, options: IntakeOptions, check: (form: Form) => T, model?: string): Promise<T> {
    const form: Form = { fields: new FormFields(), files: [], document: undefined };
    try {
      if (model !== undefined) options.checkModel(model);
      await this.readForm(request, form, options);
      return check(form);
    } catch (error) {
      discardBody(request);
      await discardAll(form.files.map(({ reference }) => reference));
      throw formError(error);
    }
  }

  private async readForm(request: FastifyRequest, form: Form, options: IntakeOptions): Promise<void> {
    const { body_limit_bytes: textLimit, upload_limit_bytes: fileLimit } = this.config.server;
    const announced = Number(request.headers['content-length'] ?? 0);
    const wholeLimit = MAX_REFERENCES * fileLimit;
    if (announced > wholeLimit) throw new ApiError('body_too_large', `The form is larger than ${wholeLimit} bytes.`);
    let textBytes = 0;
    const takeText = (name: string, text: string): void => {
      textBytes += text.length;
      if (textBytes > textLimit) throw new ApiError('body_too_large', `The form’s text is larger than ${textLimit} bytes.`);
      if (name === DOCUMENT_PART) form.document = text;
      else form.fields.add(name, text);
    };
    const source = decodedForm(request, textLimit + fileLimit);
    const limits = { fileSize: fileLimit, fieldSize: textLimit };
    for await (const part of namedParts((isPartAFile) => source.parts({ limits, isPartAFile }))) {
      checkPart(part);
      if (part.type === 'field') takeText(part.fieldname, fieldText(part, textLimit));
      else if (part.filename === undefined && part.mimetype === JSON_TYPE) takeText(part.fieldname, await jsonText(part, textLimit));
      else if (part.fieldname === DOCUMENT_PART) takeText(DOCUMENT_PART, await readText(part, textLimit));
      else await this.takeFile(part, form, options);
    }
  }

  private async takeFile(part: MultipartFile, form: Form, { allowVideo, checkModel }: IntakeOptions): Promise<void> {
    const [name = '', index = ''] = fieldPath(part.fieldname);
    const first = await firstChunk(part.file);
    // What a browser sends for a file field that was left empty.
    if (first === undefined && (part.filename ?? '') === '') return;
    const model = form.files.length === 0 ? modelOf(form) : undefined;
    if (model !== undefined) checkModel(model);
    const reference = await this.ingestion.receive(
      { kind: 'stream', body: uncut(part.file, first, this.config.server.upload_limit_bytes) },
      { allowVideo, param: part.fieldname, maxBytes: this.config.server.upload_limit_bytes },
    );
    form.files.push({ part: part.fieldname, name, ...(/^\d+$/.test(index) ? { index: Number(index) } : {}), reference });
  }
}

/** Reads and forgets what the client still sends: one that writes without reading would otherwise never see the answer. */
function discardBody(request: FastifyRequest): void {
  const { raw } = request;
  if (raw.readableEnded || raw.destroyed || isHoldingItsBody(raw)) return;
  let bytes = 0;
  raw.unpipe();
  raw.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_DISCARDED_BYTES) raw.destroy();
  });
  raw.resume();
}

/** The request with its body decoded, where that came compressed. @throws ApiError `unsupported_media_type` */
function decodedForm(request: FastifyRequest, maxBytes: number): FastifyRequest {
  const codings = contentCodings(request.headers['content-encoding']);
  if (codings.length === 0) return request;
  const raw = Object.assign(decodeBody(request.raw, codings, maxBytes), { headers: request.raw.headers });
  return Object.create(request, { raw: { value: raw } }) as FastifyRequest;
}

/** What the form has said so far. */
function modelOf({ fields, document }: Form): string | undefined {
  const { model } =
    document === undefined ? fields.toObject() : ((parseJson(document, DOCUMENT_PART) ?? {}) as { readonly model?: unknown });
  return typeof model === 'string' && model !== '' ? model : undefined;
}

type PartRule = typeof isPartAFile;

/** The parser refuses names that every object has, such as `constructor`, and does not say which. @throws ApiError `param_unsupported` */
async function* namedParts(
  partsBy: (rule: PartRule) => AsyncIterable<MultipartFile | MultipartValue>,
): AsyncGenerator<MultipartFile | MultipartValue, void> {
  let refused: string | undefined;
  try {
    yield* partsBy((name, contentType, fileName) => {
      if (refused === undefined && name !== undefined && name in Object.prototype) refused = name;
      return isPartAFile(name, contentType, fileName);
    });
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'FST_PROTO_VIOLATION' || refused === undefined) throw error;
    throw new ApiError('param_unsupported', `There is no field ${refused} here.`, { param: refused, cause: error });
  }
}

/** What has a name or a type that is no plain text is read as it comes; the parser would read JSON by rules of its own. */
function isPartAFile(_name: string | undefined, contentType: string | undefined, fileName: string | undefined): boolean {
  return fileName !== undefined || !/^(text\/|$)/i.test(contentType ?? '');
}

/** @throws ApiError `malformed_multipart` for a part without a readable name, or in an encoding that forms have not had since 2015 */
function checkPart({ fieldname, encoding }: MultipartFile | MultipartValue): void {
  // The parser leaves it out where the header has none, whatever its type says.
  const name: string | undefined = fieldname;
  if (name === undefined || textProblem(name) !== undefined || name.includes(REPLACED)) {
    throw new ApiError('malformed_multipart', 'A part of the form has no name that can be read.', {
      param: name === undefined ? undefined : printable(name),
    });
  }
  if (/^(7bit|8bit|binary)$/i.test(encoding)) return;
  throw new ApiError('malformed_multipart', 'Form parts must not have a Content-Transfer-Encoding.', {
    param: printable(name),
    accepted: ['binary'],
  });
}

/** @throws ApiError `body_too_large`, `invalid_encoding` */
function fieldText({ fieldname, value, valueTruncated }: MultipartValue, limit: number): string {
  if (valueTruncated) throw new ApiError('body_too_large', `The form’s text is larger than ${limit} bytes.`);
  const text = String(value);
  // The parser puts it in the place of what it cannot read.
  if (text.includes(REPLACED)) throw new ApiError('invalid_encoding', `${printable(fieldname)} is not valid UTF-8.`, { param: fieldname });
  return text;
}

/** Of a part that calls itself JSON: a string is what it holds, everything else is read by its schema. */
async function jsonText(part: MultipartFile, limit: number): Promise<string> {
  const text = await readText(part, limit);
  if (part.fieldname === DOCUMENT_PART) return text;
  const value = parseJson(text, part.fieldname);
  return typeof value === 'string' ? value : text;
}

async function firstChunk(file: Readable): Promise<Buffer | undefined> {
  for (;;) {
    const chunk = file.read() as Buffer | null;
    if (chunk !== null) return chunk;
    if (file.readableEnded || file.destroyed) return undefined;
    await new Promise<void>((resolve) => {
      const settle = (): void => {
        for (const event of ['readable', 'end', 'close', 'error']) file.off(event, settle);
        resolve();
      };
      for (const event of ['readable', 'end', 'close', 'error']) file.once(event, settle);
    });
  }
}

/** The file's bytes; one that the parser cut at its limit is an error, not a shorter file. */
async function* uncut(file: MultipartFile['file'], first: Buffer | undefined, limit: number): AsyncGenerator<Uint8Array, void> {
  if (first !== undefined) yield first;
  for await (const chunk of file) yield chunk as Buffer;
  if (file.truncated) throw new ApiError('body_too_large', `The file is larger than ${limit} bytes.`);
}

/** @throws ApiError `body_too_large`, `invalid_encoding` */
async function readText({ file, fieldname }: MultipartFile, limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of file) {
    bytes += (chunk as Buffer).length;
    if (bytes > limit) throw new ApiError('body_too_large', `The part "${printable(fieldname)}" is larger than ${limit} bytes.`);
    chunks.push(chunk as Buffer);
  }
  return decodeText(Buffer.concat(chunks));
}
