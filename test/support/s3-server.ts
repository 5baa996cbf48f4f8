import { createHash } from 'node:crypto';
import { type HttpSimulator, type ReceivedRequest, type SimulatorReply, startHttpSimulator } from '@litegen/plugin-sdk/testing';

/** Plays S3: one bucket, addressed by path, that keeps objects in memory. */
export interface S3Server extends HttpSimulator {
  readonly bucket: string;
  /** By key. */
  readonly objects: Map<string, Buffer>;
  /** When each was last written, milliseconds since the epoch; a test may change it. */
  readonly modified: Map<string, number>;
}

export interface S3ServerOptions {
  readonly bucket?: string;
  /** The only key whose signatures are taken. Default `test-key`. */
  readonly accessKeyId?: string;
}

const SIGNATURE =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/\d{8}\/[a-z0-9-]+\/s3\/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=[0-9a-f]{64}$/;

export async function startS3Server(options: S3ServerOptions = {}): Promise<S3Server> {
  const { bucket = 'media', accessKeyId = 'test-key' } = options;
  const objects = new Map<string, Buffer>();
  const modified = new Map<string, number>();
  const vendor = await startHttpSimulator((request) => refusal(request, accessKeyId) ?? answer(request, bucket, { objects, modified }));
  return Object.assign(vendor, { bucket, objects, modified });
}

/** What S3 checks before it looks at the object: the signature's form and key, and that the body is the signed one. */
function refusal(request: ReceivedRequest, accessKeyId: string): SimulatorReply | undefined {
  const signature = SIGNATURE.exec(request.headers['authorization'] ?? '');
  if (signature === null) return failure(403, 'AccessDenied', 'The request is not signed with AWS4-HMAC-SHA256');
  if (signature[1] !== accessKeyId) return failure(403, 'InvalidAccessKeyId', 'The key does not exist');
  const signed = (signature[2] ?? '').split(';');
  if (!['host', 'x-amz-content-sha256', 'x-amz-date'].every((name) => signed.includes(name))) {
    return failure(403, 'SignatureDoesNotMatch', `Signed headers are ${signed.join(', ')}`);
  }
  const digest = request.headers['x-amz-content-sha256'];
  if (digest !== 'UNSIGNED-PAYLOAD' && digest !== createHash('sha256').update(request.body).digest('hex')) {
    return failure(400, 'XAmzContentSHA256Mismatch', 'The body is not the one that was signed');
  }
  return undefined;
}

function answer(request: ReceivedRequest, bucket: string, { objects, modified }: Pick<S3Server, 'objects' | 'modified'>): SimulatorReply {
  const [, namedBucket, ...rest] = decodeURIComponent(request.path).split('/');
  if (namedBucket !== bucket) return failure(404, 'NoSuchBucket', 'The specified bucket does not exist');
  const key = rest.join('/');
  switch (request.method) {
    case 'PUT': {
      const source = request.headers['x-amz-copy-source'];
      if (source !== undefined) return copy(decodeURIComponent(source).replace(/^\//, ''), bucket, key, { objects, modified });
      if (request.headers['content-length'] === undefined) return failure(411, 'MissingContentLength', 'A length is needed');
      objects.set(key, request.body);
      modified.set(key, Date.now());
      return { status: 200, headers: { etag: etag(request.body) } };
    }
    case 'DELETE':
      objects.delete(key);
      return { status: 204 };
    case 'HEAD':
    case 'GET':
      if (key === '' && request.query['list-type'] === '2') return list(request.query, objects, modified);
      return read(request, objects.get(key));
    default:
      return failure(405, 'MethodNotAllowed', 'Not here');
  }
}

/** As many as fit on a page. */
const PAGE = 3;

function copy(source: string, bucket: string, key: string, { objects, modified }: Pick<S3Server, 'objects' | 'modified'>): SimulatorReply {
  const object = objects.get(source.slice(bucket.length + 1));
  if (object === undefined) return failure(404, 'NoSuchKey', 'The specified key does not exist.');
  objects.set(key, object);
  modified.set(key, Date.now());
  const body = `<CopyObjectResult><LastModified>${new Date().toISOString()}</LastModified><ETag>${etag(object)}</ETag></CopyObjectResult>`;
  return { status: 200, headers: { 'content-type': 'application/xml' }, body };
}

function list(query: Readonly<Record<string, string>>, objects: Map<string, Buffer>, modified: Map<string, number>): SimulatorReply {
  const prefix = query['prefix'] ?? '';
  const keys = [...objects.keys()].filter((key) => key.startsWith(prefix) && key > (query['continuation-token'] ?? '')).sort();
  const page = keys.slice(0, PAGE);
  const contents = page.map(
    (key) =>
      `<Contents><Key>${key}</Key><LastModified>${new Date(modified.get(key) ?? 0).toISOString()}</LastModified>` +
      `<Size>${objects.get(key)?.length}</Size></Contents>`,
  );
  const more = keys.length > page.length;
  const next = more ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>` : '';
  const body = `<?xml version="1.0"?><ListBucketResult><IsTruncated>${more}</IsTruncated>${next}${contents.join('')}</ListBucketResult>`;
  return { status: 200, headers: { 'content-type': 'application/xml' }, body };
}

function read(request: ReceivedRequest, object: Buffer | undefined): SimulatorReply {
  if (object === undefined) return failure(404, 'NoSuchKey', 'The specified key does not exist.', request.method === 'HEAD');
  const headers = { etag: etag(object), 'accept-ranges': 'bytes', 'content-type': 'application/octet-stream' };
  // Node sends the length of a HEAD's answer, and not its body.
  const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers['range'] ?? '');
  if (range === null) return { status: 200, headers, body: object };
  const start = Number(range[1]);
  const end = Math.min(Number(range[2]), object.length - 1);
  if (start > end) return failure(416, 'InvalidRange', 'The requested range is not satisfiable');
  const contentRange = `bytes ${start}-${end}/${object.length}`;
  return { status: 206, headers: { ...headers, 'content-range': contentRange }, body: object.subarray(start, end + 1) };
}

function failure(status: number, code: string, message: string, bare = false): SimulatorReply {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message></Error>`;
  return { status, headers: { 'content-type': 'application/xml' }, body: bare ? '' : body };
}

function etag(data: Buffer): string {
  return `"${createHash('md5').update(data).digest('hex')}"`;
}
