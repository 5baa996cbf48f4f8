import type { JsonOptions } from '../context.js';
import type { UnreadableMedia } from '../result.js';

/** `declared`: the key is one for base64. `possible`: a file may stand there as well as a link. */
export type MediaPlace = 'declared' | 'possible';

/** What stands at a place of a JSON document, its keys from the outside in; `*` for an entry of a list. */
export type MediaPlaces = (path: readonly string[]) => MediaPlace | undefined;

/** Characters of a string that are enough for {@link beginsMedia}. */
export const MEDIA_HEAD_LENGTH = 1024;

const PATH = /^\$(?:\.\.(?=[^.[]))?(?:\.?[^.[\]]+|\[\*\])(?:\.[^.[\]]+|\[\*\])*$/;
const DATA_URL = /^data:/i;
const BASE64_DATA_URL = /^data:[^,]{0,256};\s*base64\s*,/i;
const BASE64_LETTERS = /^[A-Za-z0-9+/_-]+={0,2}$/;
/** How files of pictures, clips and sound begin, as Latin-1. */
const FILE_HEADS = ['\x89PNG', '\xff\xd8\xff', 'GIF8', 'RIFF', 'II*\0', 'MM\0*', '\x1aE\xdf\xa3', 'OggS', 'ID3', 'fLaC', '<svg', '<?xml'];
/** The length of an MP4's first box stands before its name. */
const BOX_NAMES = ['ftyp', 'JXL ', 'jP  '];

type MediaOptions = Pick<JsonOptions, 'base64Keys' | 'media'>;

/** Of options that nobody can change. */
const known = new WeakMap<MediaOptions, MediaPlaces | undefined>();

/**
 * For hosts: which strings of a document a plugin names as media. Undefined when it names none.
 * @throws TypeError for a path that is not `$`, names and `[*]`.
 */
export function mediaPlaces(options: Pick<JsonOptions, 'base64Keys' | 'media'>): MediaPlaces | undefined {
  if (known.has(options)) return known.get(options);
  const places = placesOf(options);
  if (isConstant(options)) known.set(options, places);
  return places;
}

function isConstant(options: MediaOptions): boolean {
  const { base64Keys, media } = options;
  return [options, base64Keys, media, ...(media ?? [])].every((part) => Object.isFrozen(part));
}

function placesOf({ base64Keys = [], media = [] }: MediaOptions): MediaPlaces | undefined {
  if (base64Keys.length === 0 && media.length === 0) return undefined;
  const keys = new Set(base64Keys);
  // By their last name: it is asked for every string of a document.
  const places = new Map<string | undefined, Place[]>();
  for (const place of media.map(({ path }) => parsePath(path))) {
    const last = place.names.at(-1);
    places.set(last, [...(places.get(last) ?? []), place]);
  }
  return (path) => {
    const last = path.at(-1);
    if (last !== undefined && keys.has(last)) return 'declared';
    return places.get(last)?.some((place) => matches(place, path)) === true ? 'possible' : undefined;
  };
}

interface Place {
  readonly names: readonly string[];
  /** `$..name`: however deep it lies. */
  readonly anywhere: boolean;
}

function parsePath(path: string): Place {
  if (!PATH.test(path)) throw new TypeError(`"${path}" is not a path such as $.images[*] or $..url`);
  const names = path.replaceAll('[*]', '.*').split('.').filter(Boolean).slice(1);
  return { names, anywhere: path.startsWith('$..') };
}

function matches({ names, anywhere }: Place, path: readonly string[]): boolean {
  const offset = path.length - names.length;
  return offset >= 0 && (anywhere || offset === 0) && names.every((name, index) => name === path[offset + index]);
}

/**
 * Whether a string is a file in base64, plain or in a `data:` URL, told by its first {@link MEDIA_HEAD_LENGTH} characters.
 * A link is not, whatever its key is called, and neither is an empty string.
 * @param text the string, or its beginning
 * @param complete it is the whole string
 */
export function beginsMedia(text: string, place: MediaPlace, complete: boolean): boolean {
  const start = text.trimStart();
  if (DATA_URL.test(start)) return BASE64_DATA_URL.test(start);
  const letters = start.replace(/\s+/g, '');
  if (!BASE64_LETTERS.test(letters)) return false;
  const first = Buffer.from(letters.slice(0, 24), 'base64').toString('latin1');
  if (FILE_HEADS.some((head) => first.startsWith(head)) || BOX_NAMES.includes(first.slice(4, 8))) return true;
  // A short text of nothing but such letters may be a path.
  return !complete || (place === 'declared' && !letters.startsWith('/'));
}

/** For hosts: stands in a document in place of media that cannot be decoded, so that the rest of it can be used. */
export function unreadableMedia(reason: string): UnreadableMedia {
  return { kind: 'litegen.unreadable-media', reason };
}
