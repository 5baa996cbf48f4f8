import { describe, expect, it } from 'vitest';
import type { HeldReference } from '../../domain/storage/index.js';
import { collectReferences, type IntakeFile } from './references.service.js';

function file(part: string): IntakeFile {
  const index = /\[(\d+)\]$/.exec(part)?.[1];
  const reference = { blob: { sha256: part, bytes: 1, contentType: 'image/png' } } as HeldReference;
  return { part, name: part.split('[')[0] ?? '', ...(index === undefined ? {} : { index: Number(index) }), reference };
}

const none = { inputs: [] };

function summary(references: ReturnType<typeof collectReferences>): (string | undefined)[][] {
  return references.map(({ param, role, source }) => [
    param,
    role,
    source.kind === 'held' ? source.reference.blob.sha256 : Object.values(source).join(' '),
  ]);
}

describe('collectReferences', () => {
  it('merges all spellings of a file field in order, indices by number', () => {
    const files = ['image[1]', 'mask', 'image[0]', 'image[10]', 'image[2]'].map(file);
    expect(collectReferences(files, none, ['image']).map(({ param, role }) => [param, role])).toEqual([
      ['image[0]', undefined],
      ['image[1]', undefined],
      ['image[2]', undefined],
      ['image[10]', undefined],
      ['mask', 'mask'],
    ]);
    const plain = ['image', 'image[]', 'image[]', 'markup'].map(file);
    expect(collectReferences(plain, none, ['image']).map(({ param, role }) => [param, role])).toEqual([
      ['image', undefined],
      ['image[]', undefined],
      ['image[]', undefined],
      ['markup', 'markup'],
    ]);
  });

  it('takes URLs, data URLs, base64, objects and file ids', () => {
    const inputs = [
      { field: 'image', value: ['https://a.test/1.png', 'data:image/png;base64,AAAA', 'AAAA', { file_id: 'asset-1' }] },
      { field: 'mask', role: 'mask', value: { image_url: 'HTTPS://a.test/m.png' } },
      { field: 'images', value: undefined },
      {
        field: 'input_reference',
        value: [{ image_url: 'AAAA' }, { image_url: { url: ' https://a.test/2.png ' } }, { image_url: { url: 'AAAA' } }],
      },
      { field: 'other', value: ['ftp://a.test/x', ' data:image/png;base64,AAAA'] },
    ];
    expect(summary(collectReferences([], { inputs }, ['image']))).toEqual([
      ['image[0]', undefined, 'url https://a.test/1.png'],
      ['image[1]', undefined, 'url data:image/png;base64,AAAA'],
      ['image[2]', undefined, 'base64 AAAA'],
      ['image[3]', undefined, 'file asset-1'],
      ['mask', 'mask', 'url HTTPS://a.test/m.png'],
      ['input_reference[0]', undefined, 'base64 AAAA'],
      ['input_reference[1]', undefined, 'url https://a.test/2.png'],
      ['input_reference[2]', undefined, 'base64 AAAA'],
      ['other[0]', undefined, 'url ftp://a.test/x'],
      ['other[1]', undefined, 'url data:image/png;base64,AAAA'],
    ]);
  });

  it('takes the parts that a document names, each where it stands in the list', () => {
    const reference_images = [
      { type: 'url' as const, value: 'https://a.test/1.png', role: null },
      { type: 'blob' as const, value: 'pic', role: 'mask' },
      { type: 'base64' as const, value: 'AAAA' },
    ];
    expect(summary(collectReferences([file('pic')], { inputs: [], reference_images }, ['image']))).toEqual([
      ['reference_images[0]', undefined, 'url https://a.test/1.png'],
      ['reference_images[1]', 'mask', 'pic'],
      ['reference_images[2]', undefined, 'base64 AAAA'],
    ]);
  });

  it('does not lose a part that no document names', () => {
    const references = collectReferences(
      [file('pic'), file('other')],
      { inputs: [], reference_images: [{ type: 'blob', value: 'pic' }] },
      [],
    );
    expect(summary(references)).toEqual([
      ['other', 'other', 'other'],
      ['reference_images[0]', undefined, 'pic'],
    ]);
  });

  it.each([
    [{ inputs: [], reference_images: [{ type: 'blob' as const, value: 'pik' }] }, 'malformed_multipart', 'reference_images[0].value'],
    [{ inputs: [{ field: 'image', value: {} }] }, 'param_invalid_type', 'image'],
    [{ inputs: [{ field: 'images', value: [{ image_url: 'https://a.test', file_id: 'x' }] }] }, 'param_invalid_type', 'images[0]'],
  ])('refuses %j', (fields, code, param) => {
    expect(() => collectReferences([file('pic')], fields, [])).toThrow(
      expect.objectContaining({ code, details: expect.objectContaining({ param }) }),
    );
  });
});
