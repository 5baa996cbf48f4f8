import type { Operation } from '@litegen/plugin-sdk';
import type { IdPrefix } from '../../../platform/common/index.js';
import type { Config } from '../../../platform/config/index.js';
import type { ParamName } from './vocabulary.js';

export type { Operation };

type ModalityOf<One extends Operation> = One extends `${infer Name}.${string}` ? Name : never;

/** What is made: the part of an operation's name before its dot, and the side of a plugin that makes it. */
export type Modality = ModalityOf<Operation>;
export type OperationOf<Name extends Modality> = Extract<Operation, `${Name}.${string}`>;

/** How often a job is asked about, unless its model says otherwise. */
export interface PollSchedule {
  readonly initialMs: number;
  readonly intervalMs: number;
  readonly maxIntervalMs: number;
}

/** Of the files that a modality delivers. */
export interface OutputFiles {
  /** What their content types begin with. */
  readonly contentTypePrefix: string;
  /** Whether a moving picture, such as a GIF, is one of them as well. */
  readonly acceptsMovingImages: boolean;
  /** Whether their duration and size are measured before they are delivered. */
  readonly isMeasured: boolean;
}

export interface ModalityFacts<Name extends Modality> {
  /** Of its generations' ids. */
  readonly idPrefix: IdPrefix;
  /** What it can do, and where callers reach that; named in errors. */
  readonly endpoints: Readonly<Record<OperationOf<Name>, string>>;
  /** The setting under `engine` that says when a generation is given up. */
  readonly deadlineSetting: Extract<keyof Config['engine'], `${string}_deadline_seconds`>;
  /** Null: no vendor keeps jobs that one could ask about. */
  readonly polling: PollSchedule | null;
  /** Null: the answer itself is delivered, and nothing is stored. */
  readonly files: OutputFiles | null;
  /** Whether videos are taken as references, beside pictures. */
  readonly takesVideo: boolean;
  /** Whether a request can say `auto` for its size. Otherwise leaving the size out says the same. */
  readonly hasAutomaticSize: boolean;
  /** LiteGen's order of checks; the other parameters come after. */
  readonly paramOrder: readonly ParamName[];
}

/** All that differs between kinds of media, in one place. An operation of a new kind does not compile before it has its entry. */
export const MODALITIES: { readonly [Name in Modality]: ModalityFacts<Name> } = {
  image: {
    idPrefix: 'litegen-img',
    endpoints: { 'image.generate': 'POST /v1/images/generations', 'image.edit': 'POST /v1/images/edits' },
    deadlineSetting: 'image_deadline_seconds',
    polling: { initialMs: 1_000, intervalMs: 1_500, maxIntervalMs: 10_000 },
    files: { contentTypePrefix: 'image/', acceptsMovingImages: false, isMeasured: false },
    takesVideo: false,
    hasAutomaticSize: true,
    paramOrder: ['seed', 'negative_prompt', 'steps', 'guidance_scale', 'strength', 'quality', 'style', 'aspect_ratio', 'size'],
  },
  video: {
    idPrefix: 'litegen-vid',
    endpoints: { 'video.generate': 'POST /v1/videos/generations' },
    deadlineSetting: 'video_deadline_seconds',
    polling: { initialMs: 2_000, intervalMs: 4_000, maxIntervalMs: 30_000 },
    files: { contentTypePrefix: 'video/', acceptsMovingImages: true, isMeasured: true },
    takesVideo: true,
    hasAutomaticSize: false,
    paramOrder: ['seed', 'negative_prompt', 'duration_seconds', 'aspect_ratio', 'fps', 'resolution'],
  },
};

export const MODALITY_NAMES = Object.keys(MODALITIES) as Modality[];

/** Every operation and its endpoint, modality by modality. */
export const OPERATION_ENDPOINTS: Readonly<Record<Operation, string>> = Object.assign(
  {},
  ...MODALITY_NAMES.map((name) => MODALITIES[name].endpoints),
);
export const OPERATIONS = Object.keys(OPERATION_ENDPOINTS) as Operation[];

const MODALITY_BY_OPERATION = Object.fromEntries(
  MODALITY_NAMES.flatMap((name) => Object.keys(MODALITIES[name].endpoints).map((operation) => [operation, name])),
) as Readonly<Record<Operation, Modality>>;

export function modalityOf(operation: Operation): Modality {
  return MODALITY_BY_OPERATION[operation];
}
