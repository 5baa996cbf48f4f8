import type { Model, Plan } from '../../../domain/catalog/index.js';
import { ApiError } from '../../../platform/common/index.js';

export interface PartialImagesWish {
  readonly wanted: number;
  /** Whether the caller listens to a stream, which alone can show them. */
  readonly stream: boolean;
  readonly strict: boolean;
}

/**
 * Holds the wish for partial images against what the model streams, and files it in the receipt.
 * @throws ApiError `param_unsupported`, `param_out_of_range` in strict mode; lax mode reduces or drops
 */
export function planPartialImages(
  model: Model,
  plan: Plan,
  { wanted, stream, strict }: PartialImagesWish,
): { plan: Plan; partialImages: number } {
  if (wanted === 0) return { plan, partialImages: 0 };
  const { receipt, droppedParams } = plan;
  const max = model.streaming?.partial_images_max ?? 0;
  const param = 'partial_images';
  if (!stream || max === 0) {
    const reason = stream ? `${model.id} streams no partial images` : 'partial images need "stream": true';
    if (strict) throw new ApiError('param_unsupported', `${reason.charAt(0).toUpperCase()}${reason.slice(1)}.`, { param, model: model.id });
    const dropped = [...receipt.dropped, { param, value: wanted, reason }];
    return { plan: { ...plan, receipt: { ...receipt, dropped }, droppedParams: [...droppedParams, param] }, partialImages: 0 };
  }
  if (wanted <= max) return { plan: { ...plan, receipt: { ...receipt, applied: [...receipt.applied, param] } }, partialImages: wanted };
  const reason = `${model.id} streams at most ${max} partial images`;
  if (strict) throw new ApiError('param_out_of_range', `${reason}; ${wanted} are asked for.`, { param, model: model.id, accepted: [max] });
  return {
    plan: { ...plan, receipt: { ...receipt, mapped: [...receipt.mapped, { param, from: wanted, to: max, reason }] } },
    partialImages: max,
  };
}
