import { didYouMean } from '../../../platform/common/index.js';
import type { Draft } from './draft.js';

/** Gives every reference its role and counts them. */
export function planReferences(draft: Draft): void {
  const { ref_inputs: inputs, id } = draft.model;
  const { references } = draft.input;
  if (inputs === undefined) {
    for (const index of references.keys()) {
      omit(draft, index, 'reference_images', `${id} takes no reference images`, []);
    }
    return;
  }
  const roles = Object.keys(inputs.roles);
  const limit = inputs.max_total ?? Object.values(inputs.roles).reduce((sum, { max_count }) => sum + max_count, 0);
  if (references.length > limit) {
    const message = `${id} takes at most ${limit} reference images; there are ${references.length}.`;
    draft.reject('ref_total_exceeded', 'reference_images', message, [limit]);
  }
  const counts = new Map<string, number>();
  for (const [index, reference] of references.entries()) {
    const role = reference.role ?? inputs.default_role;
    if (role === undefined) {
      omit(draft, index, 'reference_images[no_role]', `${id} needs a role for every reference image: ${roles.join(', ')}`, roles);
    } else if (!roles.includes(role)) {
      omit(
        draft,
        index,
        `reference_images[${role}]`,
        `${id} has no role ${role}${didYouMean(role, roles)}; its roles are ${roles.join(', ')}`,
        roles,
      );
    } else {
      counts.set(role, (counts.get(role) ?? 0) + 1);
      draft.references.push({ index, role });
      draft.receipt.applied.push(draft.referenceName(index));
    }
  }
  for (const [role, { required, min_count, max_count }] of Object.entries(inputs.roles)) {
    const count = counts.get(role) ?? 0;
    if (required && min_count === 0 && count === 0) {
      draft.reject('ref_role_required', 'reference_images', `${id} needs a reference image with the role ${role}.`, [role]);
    } else if ((count < min_count && (required || count > 0)) || count > max_count) {
      const wanted = min_count === max_count ? String(min_count) : `${min_count} to ${max_count}`;
      const message = `${id} takes ${wanted} reference images with the role ${role}; there are ${count}.`;
      draft.reject('ref_role_count_out_of_range', 'reference_images', message, [wanted]);
    }
  }
}

/** Strict mode refuses the reference, lax mode leaves it out. @param name LiteGen's name in the dropped list */
function omit(draft: Draft, index: number, name: string, reason: string, roles: readonly string[]): void {
  const param = draft.referenceName(index);
  if (draft.strict) {
    // Only LiteGen's list has a field for the role; elsewhere the field's own name is the role.
    const field = roles.length > 0 && param.startsWith('reference_images[') ? `${param}.role` : param;
    draft.reject('ref_role_unknown', field, `${reason}.`, roles);
    return;
  }
  draft.dropReference(index, name, reason);
}
