import type { Readable } from 'node:stream';
import type { MultipartFile, MultipartValue } from '@fastify/multipart';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { ApiError, type CheckedBody, FormFields, fieldPath, SchemaValidator } from '../common/index.js';
import { CONFIG, type Config } from '../config/index.js';
import { ReferenceIngestion } from '../storage/index.js';
import { MAX_REFERENCES } from './dto/generation-request.dto.js';
import { formError } from './form-error.js';
import type { IntakeFile } from './references.policy.js';
import { discardBody } from './request-facts.js';

/** The part that holds the whole request as JSON, in LiteGen's multipart form. */
const DOCUMENT_PART = 'request';

/** What a request to a door brought along. */
export interface Intake<T> extends CheckedBody<T> {
  /** Files of a form, already stored, in the order of their arrival. */
  readonly files: readonly IntakeFile[];
}

export interface IntakeOptions {
  /** Whether an MP4 will do as well as a picture. */
  readonly allowVideo: boolean;
}

/** Reads the bodies of the doors: JSON, OpenAI's forms, and LiteGen's form of a JSON document with files. */
@Injectable()
export class BodyReader {
  constructor(
    private readonly validator: SchemaValidator,
    private readonly ingestion: ReferenceIngestion,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /**
   * Files stream into the store while they arrive.
   * @param schemaName the schema of the API's document that the fields must fit
   * @throws ApiError `malformed_request`, `malformed_multipart`, `body_too_large`, those of {@link SchemaValidator.check} and of reference ingestion
   */
  async read<T extends object>(request: FastifyRequest, schemaName: string, options: IntakeOptions): Promise<Intake<T>> {
    if (!request.isMultipart()) return this.check(schemaName, request.body);
    try {
      const form = await this.readForm(request, options);
      const checked =
        form.document === undefined
          ? this.validator.check<T>(schemaName, form.fields.toObject(), { form: true })
          : this.validator.check<T>(schemaName, parseDocument(form.document));
      // Beside a document, a text part can only be meant for something that it does not name.
      const unknown = form.document === undefined ? checked.unknown : { ...checked.unknown, ...form.fields.toObject() };
      return { fields: checked.fields, unknown, files: form.files };
    } catch (error) {
      discardBody(request);
      throw formError(error);
    }
  }

  /** A JSON body that is here already. @throws ApiError as {@link SchemaValidator.check} */
  check<T extends object>(schemaName: string, body: unknown): Intake<T> {
    return { ...this.validator.check<T>(schemaName, body), files: [] };
  }

  private async readForm(request: FastifyRequest, options: IntakeOptions): Promise<Form> {
    const { body_limit_bytes: textLimit, upload_limit_bytes: fileLimit } = this.config.server;
    const announced = Number(request.headers['content-length'] ?? 0);
    const wholeLimit = MAX_REFERENCES * fileLimit;
    if (announced > wholeLimit) throw new ApiError('body_too_large', `The form is larger than ${wholeLimit} bytes.`);
    const form: Form = { fields: new FormFields(), files: [], document: undefined };
    let textBytes = 0;
    for await (const part of request.parts({ limits: { fileSize: fileLimit, fieldSize: textLimit }, isPartAFile })) {
      if (part.type === 'file') {
        await this.takeFile(part, form, options);
        continue;
      }
      const text = textOf(part);
      textBytes += text.length;
      if (part.valueTruncated || textBytes > textLimit)
        throw new ApiError('body_too_large', `The form’s text is larger than ${textLimit} bytes.`);
      if (part.fieldname === DOCUMENT_PART) form.document = text;
      else form.fields.add(part.fieldname, text);
    }
    return form;
  }

  private async takeFile(part: MultipartFile, form: Form, { allowVideo }: IntakeOptions): Promise<void> {
    const [name = '', index = ''] = fieldPath(part.fieldname);
    if (part.fieldname === DOCUMENT_PART) {
      form.document = (await readText(part.file, this.config.server.body_limit_bytes)).toString();
      return;
    }
    const first = await firstChunk(part.file);
    // What a browser sends for a file field that was left empty.
    if (first === undefined && (part.filename ?? '') === '') return;
    const reference = await this.ingestion.ingest(
      { kind: 'stream', body: uncut(part.file, first, this.config.server.upload_limit_bytes) },
      { allowVideo, param: part.fieldname, maxBytes: this.config.server.upload_limit_bytes },
    );
    form.files.push({ part: part.fieldname, name, ...(/^\d+$/.test(index) ? { index: Number(index) } : {}), reference });
  }
}

interface Form {
  readonly fields: FormFields;
  readonly files: IntakeFile[];
  document: string | undefined;
}

/** A part with a type that is no text is a file, also when its sender gave it no name. */
function isPartAFile(_name: string | undefined, contentType: string | undefined, fileName: string | undefined): boolean {
  return fileName !== undefined || !/^(text\/|application\/json\b|$)/i.test(contentType ?? '');
}

/** The plugin has already parsed a part that calls itself JSON. */
function textOf({ value }: Pick<MultipartValue, 'value'>): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function parseDocument(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new ApiError('malformed_request', `The part "${DOCUMENT_PART}" is not valid JSON: ${(error as Error).message}`, {
      param: DOCUMENT_PART,
    });
  }
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

async function readText(file: Readable, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of file) {
    bytes += (chunk as Buffer).length;
    if (bytes > limit) throw new ApiError('body_too_large', `The part "${DOCUMENT_PART}" is larger than ${limit} bytes.`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}
