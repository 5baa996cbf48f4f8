import { describe, expect, it } from 'vitest';
import type { Model, Plan } from '../../../domain/catalog/index.js';
import { planPartialImages } from './admission.service.js';

const RECEIPT = { applied: ['prompt'], mapped: [], emulated: [], dropped: [], unverified: [], rejected: [] };
const plan = { receipt: RECEIPT, droppedParams: ['style'] } as unknown as Plan;
const streaming = { id: 'acme/paint', streaming: { partial_images_max: 3 } } as Model;
const silent = { id: 'acme/paint' } as Model;

describe('planPartialImages', () => {
  it('leaves a request alone that wants none', () => {
    expect(planPartialImages(silent, plan, { wanted: 0, stream: true, strict: true })).toEqual({ plan, partialImages: 0 });
  });

  it('takes what the model streams', () => {
    const planned = planPartialImages(streaming, plan, { wanted: 3, stream: true, strict: true });
    expect(planned.partialImages).toBe(3);
    expect(planned.plan.receipt.applied).toEqual(['prompt', 'partial_images']);
  });

  it.each([
    [streaming, { wanted: 4, stream: true }, 'param_out_of_range'],
    [silent, { wanted: 1, stream: true }, 'param_unsupported'],
    [streaming, { wanted: 1, stream: false }, 'param_unsupported'],
  ])('refuses the rest in strict mode', (model, wish, code) => {
    expect(() => planPartialImages(model, plan, { ...wish, strict: true })).toThrow(
      expect.objectContaining({ code, details: expect.objectContaining({ param: 'partial_images' }) }),
    );
  });

  it('reduces in lax mode', () => {
    const planned = planPartialImages(streaming, plan, { wanted: 9, stream: true, strict: false });
    expect(planned.partialImages).toBe(3);
    expect(planned.plan.receipt.mapped).toEqual([expect.objectContaining({ param: 'partial_images', from: 9, to: 3 })]);
  });

  it.each([
    [silent, true],
    [streaming, false],
  ])('drops in lax mode, and says so', (model, stream) => {
    const planned = planPartialImages(model, plan, { wanted: 2, stream, strict: false });
    expect(planned.partialImages).toBe(0);
    expect(planned.plan.droppedParams).toEqual(['style', 'partial_images']);
    expect(planned.plan.receipt.dropped).toEqual([expect.objectContaining({ param: 'partial_images', value: 2 })]);
  });
});
