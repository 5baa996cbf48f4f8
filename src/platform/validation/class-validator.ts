import { createRequire } from 'node:module';
import type * as library from 'class-validator';
import type { ValidatorOptions } from 'class-validator';

type Library = typeof library;

const require = createRequire(import.meta.url);

/** One file of the library. All of it would be 320 modules, among them tables of the world’s telephone numbers, at every start. */
function part<Name extends keyof Library>(file: string): Pick<Library, Name> {
  return require(`class-validator/cjs/${file}.js`) as Pick<Library, Name>;
}

export const { ArrayMaxSize } = part<'ArrayMaxSize'>('decorator/array/ArrayMaxSize');
export const { ArrayNotEmpty } = part<'ArrayNotEmpty'>('decorator/array/ArrayNotEmpty');
export const { ArrayUnique } = part<'ArrayUnique'>('decorator/array/ArrayUnique');
export const { IsIn } = part<'IsIn'>('decorator/common/IsIn');
export const { IsOptional } = part<'IsOptional'>('decorator/common/IsOptional');
export const { buildMessage, ValidateBy } = part<'buildMessage' | 'ValidateBy'>('decorator/common/ValidateBy');
export const { ValidateIf } = part<'ValidateIf'>('decorator/common/ValidateIf');
export const { ValidateNested } = part<'ValidateNested'>('decorator/common/ValidateNested');
export const { Max } = part<'Max'>('decorator/number/Max');
export const { Min } = part<'Min'>('decorator/number/Min');
export const { IsUrl } = part<'IsUrl'>('decorator/string/IsUrl');
export const { Length } = part<'Length'>('decorator/string/Length');
export const { MaxLength } = part<'MaxLength'>('decorator/string/MaxLength');
export const { IsArray } = part<'IsArray'>('decorator/typechecker/IsArray');
export const { IsBoolean } = part<'IsBoolean'>('decorator/typechecker/IsBoolean');
export const { IsInt } = part<'IsInt'>('decorator/typechecker/IsInt');
export const { IsNumber } = part<'IsNumber'>('decorator/typechecker/IsNumber');
export const { IsObject } = part<'IsObject'>('decorator/typechecker/IsObject');
export const { IsString } = part<'IsString'>('decorator/typechecker/IsString');

const { Validator } = part<'Validator'>('validation/Validator');

/** As much of the library as Nest’s pipe uses. */
export const validatorPackage = {
  validate: (object: object, options?: ValidatorOptions): Promise<library.ValidationError[]> => new Validator().validate(object, options),
};
