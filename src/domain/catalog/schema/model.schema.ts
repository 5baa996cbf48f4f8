import { z } from 'zod';
import { MODALITY_NAMES, OPERATIONS } from './modalities.js';
import { paramsSchema } from './params.schema.js';
import { pricingSchema } from './pricing.schema.js';
import { day, section } from './section.js';

const text = z.string().min(1);
const seconds = z.number().positive();
const count = z.int().nonnegative();

const lifecycle = section({
  released: day.optional().describe('The day on which the model came out: OpenAI’s `created`.'),
  deprecated: day.optional().describe('From this day on answers carry a Deprecation header.'),
  sunset: day.optional().describe('From the beginning of this day (UTC) on its name stands for the successor, or is refused.'),
  successor: text.optional().describe('The id to use instead.'),
  source: z.string().optional(),
  checked: day.optional(),
});

const capabilities = section({
  text_to_image: z.boolean().default(false),
  image_to_image: z.boolean().default(false),
  inpainting: z.boolean().default(false),
  text_to_video: z.boolean().default(false),
  image_to_video: z.boolean().default(false),
});

const prompt = section({
  required: z.boolean().default(true),
  min_length: count.optional().describe('Unicode code points.'),
  max_length: z.int().positive().optional().describe('Unicode code points.'),
});

const role = section({
  required: z.boolean().default(false),
  min_count: count.default(0),
  max_count: z.int().positive().default(1),
});

const referenceInputs = section({
  max_total: count.optional().describe('Default: the sum of the roles’ max_count.'),
  default_role: text.optional().describe('The role of a reference that names none.'),
  provider_format: section({
    form: z.enum(['url', 'base64', 'multipart']),
    field_map: z.record(z.string(), z.string()).optional().describe('Role to form field.'),
  })
    .prefault({ form: 'base64' })
    .describe('LiteGen’s; told to clients. A plugin of ours chooses the form itself.'),
  roles: z.record(text, role),
});

const charged = z.enum(['yes', 'no']);

const charges = section({
  failed: charged.optional().describe('Jobs that the vendor reports as failed.'),
  content_rejected: charged.optional().describe('Requests or results that the vendor’s filter refused.'),
  cancelled: charged.optional().describe('Jobs that were cancelled.'),
});

const note = section({ about: text.describe('The key it is about, such as params.quality.'), text, source: z.string().optional() });

/** One model. */
export const modelSchema = section({
  id: z.string().regex(/^[a-z0-9][a-z0-9-]*\/[^\s/][^\s]*$/, 'expected "<provider>/<name>"'),
  provider: z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'expected lower-case letters, digits and hyphens'),
  owned_by: text
    .optional()
    .describe('The provider that made the model, when it is another one: it is preferred for a name that several offer.'),
  media_type: z.enum(MODALITY_NAMES),
  display_name: text,
  description: z.string().default(''),
  upstream: z.record(z.string(), z.json()).default({}).describe('Handed to the plugin as request.model.upstream.'),
  aliases: z.array(text).default([]).describe('Further names for callers.'),
  operations: z.array(z.enum(OPERATIONS)).min(1).optional().describe('Default: what the capabilities say.'),
  lifecycle: lifecycle.optional(),
  pricing: pricingSchema.optional().describe('A model without a price is refused, never free.'),
  charges: charges.optional().describe('Whether the vendor bills what came to nothing, for when it does not say itself.'),
  capabilities,
  prompt: prompt.prefault({}),
  params: paramsSchema.prefault({}),
  ref_inputs: referenceInputs.optional(),
  extra_allowlist: z.array(text).default([]).describe('Vendor options that callers may put under `extra`.'),
  extra_passthrough: z
    .boolean()
    .default(false)
    .describe('The operator’s: requests with `strict: false` may send options that the list lacks, unchecked and unpriced.'),
  tags: z.array(z.string()).default([]),
  streaming: section({ partial_images_max: z.int().positive() }).optional().describe('Absent: the model cannot stream partial images.'),
  polling: section({
    initial_seconds: seconds.optional(),
    interval_seconds: seconds.optional(),
    max_interval_seconds: seconds.optional(),
  }).optional(),
  limits: section({ deadline_seconds: seconds.optional(), headers_timeout_seconds: seconds.optional() }).optional(),
  idempotency: z.boolean().default(false).describe('The vendor honours an idempotency key on submit.'),
  webhooks: z.boolean().default(false).describe('The vendor can call back per request.'),
  notes: z.array(note).default([]).describe('Weak facts, with their source.'),
});

export type ModelDefinition = z.infer<typeof modelSchema>;
export type ReferenceInputs = z.infer<typeof referenceInputs>;

export const aliasesSchema = z.record(text, text);

/** One file. */
export const modelFileSchema = section({
  aliases: aliasesSchema.optional().describe('Name to model id.'),
  models: z.array(modelSchema).optional(),
});
