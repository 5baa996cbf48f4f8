export interface ReceivedEvent {
  readonly id: string;
  readonly type: string;
  /** Parsed. */
  readonly data: { readonly type: string; readonly timestamp: string; readonly data: { readonly [key: string]: unknown } };
}

export interface Listening {
  readonly status: number;
  readonly headers: Headers;
  /** What has come so far. */
  readonly events: ReceivedEvent[];
  /** Comments and fields that are no event, as they came. */
  readonly others: string[];
  /** The server ended the stream (true), or the connection broke. */
  readonly ended: Promise<boolean>;
  /** The text of an answer that is no stream. */
  readonly text: Promise<string>;
  /** Goes away. */
  close(): void;
}

/** A reader of server-sent events that shows what an EventSource hides: ids, comments, and how a stream ends. */
export async function listen(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Listening> {
  const controller = new AbortController();
  const response = await fetch(url, { headers: { accept: 'text/event-stream', ...headers }, signal: controller.signal });
  const events: ReceivedEvent[] = [];
  const others: string[] = [];
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') === true;
  const ended = isStream ? read(response, events, others) : Promise.resolve(true);
  const text = isStream ? Promise.resolve('') : response.text();
  return { status: response.status, headers: response.headers, events, others, ended, text, close: () => controller.abort() };
}

async function read(response: Response, events: ReceivedEvent[], others: string[]): Promise<boolean> {
  let rest = '';
  const decoder = new TextDecoder();
  try {
    for await (const chunk of response.body ?? []) {
      const blocks = (rest + decoder.decode(chunk as Uint8Array, { stream: true })).split('\n\n');
      rest = blocks.pop() ?? '';
      for (const block of blocks) take(block, events, others);
    }
    return rest === '';
  } catch {
    return false;
  }
}

function take(block: string, events: ReceivedEvent[], others: string[]): void {
  const fields = new Map(block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]));
  const data = fields.get('data');
  if (data === undefined) others.push(block);
  else events.push({ id: fields.get('id') ?? '', type: fields.get('event') ?? '', data: JSON.parse(data) as ReceivedEvent['data'] });
}
