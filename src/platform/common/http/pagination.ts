import { ApiProperty, ApiPropertyOptional } from '../../openapi/index.js';
import { IsInt, IsString } from '../../validation/index.js';
import { ApiError } from '../errors/index.js';
import { textProblem } from '../json-text.js';
import { IsName, IsUndefinable, WholeNumber } from './fields.js';

const MAX_PER_PAGE = 1000;
const DEFAULT_PER_PAGE = 50;
const MAX_PAGE = 1_000_000;
/** As much of its rows as a page holds; the row with which it passes that is the last, unless it is the first. */
export const MOST_PAGE_BYTES = 4_194_304;
/** What a row takes beside the columns that were measured. */
const ROW_BYTES = 1024;

/** Whole numbers; those outside the bounds are brought inside. */
function pageNumber(max: number, value: number) {
  return { type: 'integer', default: value, description: `From 1 to ${max}; a smaller or greater one is taken for that.` } as const;
}

const AFTER = `The \`next_cursor\` of the page before. It stays good when rows are deleted or added meanwhile. \`page\` counts from there.`;
const ENDS_EARLY = `Pass it as \`after\` for what follows; null: nothing does. A page ends early when it would exceed ${MOST_PAGE_BYTES} bytes.`;

/** A place in a list that is ordered by creation and, within a millisecond, by id. No row need be there. */
export interface Cursor {
  readonly createdAt: number;
  readonly id: string;
}

/** Which part of a list. */
export interface PageRequest {
  /** From 1; behind `after`, where that is given. */
  readonly page: number;
  readonly perPage: number;
  readonly after?: Cursor;
}

export interface Page<Row> {
  /** Of all pages. */
  readonly total: number;
  readonly rows: readonly Row[];
  /** Of the last row, when another follows. */
  readonly next: Cursor | null;
}

/** Whole numbers outside the bounds are brought inside. */
function clamped(max: number): PropertyDecorator {
  return WholeNumber((number) => Math.min(max, Math.max(1, number)));
}

export class CursorQuery {
  @ApiPropertyOptional({ type: String, description: AFTER })
  @IsUndefinable()
  @IsString()
  @IsName()
  after?: string;
}

/** Which part of a list that is short as a rule. */
export class LongPageQuery extends CursorQuery {
  @ApiPropertyOptional(pageNumber(MAX_PER_PAGE, MAX_PER_PAGE))
  @IsUndefinable()
  @clamped(MAX_PER_PAGE)
  @IsInt()
  per_page: number = MAX_PER_PAGE;
}

/** Which part of a list. */
export class PageQuery extends CursorQuery {
  @ApiPropertyOptional(pageNumber(MAX_PAGE, 1))
  @IsUndefinable()
  @clamped(MAX_PAGE)
  @IsInt()
  page: number = 1;

  @ApiPropertyOptional(pageNumber(MAX_PER_PAGE, DEFAULT_PER_PAGE))
  @IsUndefinable()
  @clamped(MAX_PER_PAGE)
  @IsInt()
  per_page: number = DEFAULT_PER_PAGE;
}

export class CursorInfo {
  @ApiProperty({ type: String, nullable: true, description: ENDS_EARLY })
  next_cursor!: string | null;
}

/** What every list of pages has beside its `data`. */
export class PageInfo extends CursorInfo {
  @ApiProperty({ type: 'integer', description: 'Rows on all pages.' })
  total!: number;

  @ApiProperty({ type: 'integer' })
  page!: number;

  @ApiProperty({ type: 'integer' })
  per_page!: number;

  @ApiProperty({ type: 'integer' })
  total_pages!: number;
}

/** @throws ApiError `invalid_query` for what is no cursor */
export function pageRequest({ page = 1, per_page, after }: LongPageQuery & { readonly page?: number }): PageRequest {
  return { page, perPage: per_page, ...(after === undefined ? {} : { after: readCursor(after) }) };
}

export function cursorInfo({ next }: Pick<Page<unknown>, 'next'>): CursorInfo {
  return { next_cursor: next === null ? null : Buffer.from(`${next.createdAt} ${next.id}`).toString('base64url') };
}

export function pageInfo({ page, per_page }: PageQuery, found: Pick<Page<unknown>, 'total' | 'next'>): PageInfo {
  return { total: found.total, page, per_page, total_pages: Math.ceil(found.total / per_page), ...cursorInfo(found) };
}

function readCursor(text: string): Cursor {
  const match = /^(\d{1,15}) (\S+)$/.exec(Buffer.from(text, 'base64url').toString());
  if (match === null || textProblem(text) !== undefined || textProblem(match[2] as string) !== undefined) {
    throw new ApiError('invalid_query', 'after is the next_cursor of an earlier page.', { param: 'after' });
  }
  return { createdAt: Number(match[1]), id: match[2] as string };
}

/** One page of a list that is in memory as a whole, newest first. */
export function pageOf<Row extends Cursor>(
  list: readonly Row[],
  { perPage, after }: PageRequest,
  bytesOf: (row: Row) => number,
): Page<Row> {
  const newestFirst = (left: Cursor, right: Cursor): number =>
    right.createdAt - left.createdAt || (left.id === right.id ? 0 : left.id < right.id ? 1 : -1);
  const rows = list.filter((row) => after === undefined || newestFirst(row, after) > 0).sort(newestFirst);
  return { total: list.length, ...firstOf(rows, perPage, bytesOf) };
}

/**
 * As many rows as a page may have and hold.
 * @param rows one more than the page may have, where there is one
 * @param bytesOf of what would be read or sent of a row
 */
export function firstOf<Row extends Cursor>(
  rows: readonly Row[],
  perPage: number,
  bytesOf: (row: Row) => number,
): Pick<Page<Row>, 'rows' | 'next'> {
  let bytes = 0;
  const end = rows.findIndex((row, index) => {
    bytes += bytesOf(row) + ROW_BYTES;
    return index === perPage || (index > 0 && bytes > MOST_PAGE_BYTES);
  });
  if (end === -1) return { rows, next: null };
  const taken = rows.slice(0, end);
  const { createdAt, id } = taken.at(-1) as Row;
  return { rows: taken, next: { createdAt, id } };
}
