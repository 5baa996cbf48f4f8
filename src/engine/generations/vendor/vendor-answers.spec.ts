import type { Finished, Output, Withheld } from '@litegen/plugin-sdk';
import { describe, expect, it } from 'vitest';
import { acceptFinished, billedOf, mainReason } from './vendor-answers.js';

const output: Output = { media: { kind: 'url', url: 'https://a.test/1' } };
const refused: Withheld = { count: 1, code: 'content_rejected', charged: 'unknown', message: 'not this' };
const finished = (outputs: number, withheld?: readonly Withheld[], usage?: Finished['usage']): Finished => ({
  outputs: Array.from({ length: outputs }, () => output),
  withheld,
  usage,
});
const told = (answer: Finished, wanted: number) => acceptFinished(answer, wanted).warnings.map(({ message }) => message);

describe('an answer of a vendor', () => {
  it('is taken as it is when it is what was asked for', () => {
    expect(acceptFinished(finished(2, undefined, { images: 2, seconds: 3 }), 2)).toEqual({
      finished: { ...finished(2, [], { images: 2, seconds: 3 }) },
      warnings: [],
    });
  });

  it('is bounded by what was asked for', () => {
    const accepted = acceptFinished(finished(5_000, [refused], { images: 5_000, output_image_tokens: 9 }), 2);
    expect(accepted.finished).toMatchObject({ outputs: [output, output], withheld: [], usage: { images: 2, output_image_tokens: 9 } });
    expect(accepted.finished.outputs).toHaveLength(2);
    expect(accepted.warnings).toMatchObject([{ param: 'n', action: 'dropped', message: expect.stringContaining('5000') }]);
  });

  it('tells why outputs are missing, each reason once', () => {
    const lost: Withheld = { count: 1, code: 'invalid_response', charged: 'unknown' };
    expect(told(finished(1, [refused, lost, refused]), 4)).toEqual([
      '2 of 4 outputs withheld: not this',
      '1 of 4 outputs withheld: invalid_response',
    ]);
    expect(told(finished(1), 3)).toEqual(['The vendor delivered 1 of 3 outputs.']);
    expect(told(finished(1, [refused]), 3)).toEqual(['1 of 3 outputs withheld: not this', 'The vendor delivered 1 of 3 outputs.']);
    expect(told(finished(0, [refused]), 3)).toEqual([]);
  });

  it('counts no more as withheld than are missing', () => {
    const many = (count: number): Withheld => ({ ...refused, count });
    expect(acceptFinished(finished(1, [many(5), many(5)]), 3).finished.withheld).toEqual([many(2)]);
    expect(acceptFinished(finished(1, [many(-1), many(Number.NaN), many(0.5)]), 3).finished.withheld).toEqual([]);
  });

  it.each<[unknown]>([['all'], [null], [{ count: 1 }], [[null, 'x', 5, {}, { count: 1, code: 'odd', charged: 'no' }]]])(
    'keeps its outputs whatever a plugin says beside them: %j',
    (withheld) => {
      const { finished: kept } = acceptFinished({ ...finished(1), withheld: withheld as Withheld[], usage: { images: 'x' as never } }, 2);
      expect([kept.outputs, kept.withheld]).toEqual([[output], []]);
    },
  );

  it('is billed for what came to nothing as the rules say', () => {
    const judge = ({ code }: Withheld) => (code === 'content_rejected' ? 'yes' : 'unknown');
    expect(billedOf([refused, { ...refused, count: 2 }, { ...refused, code: 'internal' }], judge)).toBe(3);
  });

  it('came to nothing for its weightiest reason', () => {
    const empty: Withheld = { ...refused, code: 'invalid_response' };
    const internal: Withheld = { ...refused, code: 'internal' };
    expect(mainReason([empty, internal, refused])).toBe(refused);
    expect(mainReason([empty, internal])).toBe(internal);
    expect(mainReason([empty])).toBe(empty);
    expect(mainReason([])).toBeUndefined();
  });
});
