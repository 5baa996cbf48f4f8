import type { Type } from '@nestjs/common';
import type * as swagger from '@nestjs/swagger';

export type { ApiOperationOptions, ApiPropertyOptions, ApiResponseOptions } from '@nestjs/swagger';

type Swagger = typeof swagger;

/** What the classes and methods of the API say about themselves, in the order in which it was said. */
const said: ((library: Swagger) => void)[] = [];

/**
 * The decorator of `@nestjs/swagger` with this name. It only takes note: the library is large, and only needed to generate the
 * OpenAPI document, which the build does. See {@link describeApi}.
 */
function decorator<Name extends keyof Swagger>(name: Name): Swagger[Name] {
  const factory =
    (...options: unknown[]) =>
    (...target: unknown[]): void => {
      said.push((library) => (library[name] as (...options: unknown[]) => (...target: unknown[]) => void)(...options)(...target));
    };
  return factory as unknown as Swagger[Name];
}

export const ApiCreatedResponse = decorator('ApiCreatedResponse');
export const ApiExcludeController = decorator('ApiExcludeController');
export const ApiExcludeEndpoint = decorator('ApiExcludeEndpoint');
export const ApiExtension = decorator('ApiExtension');
export const ApiExtraModels = decorator('ApiExtraModels');
export const ApiHeader = decorator('ApiHeader');
export const ApiOkResponse = decorator('ApiOkResponse');
export const ApiOperation = decorator('ApiOperation');
export const ApiParam = decorator('ApiParam');
export const ApiProperty = decorator('ApiProperty');
export const ApiPropertyOptional = decorator('ApiPropertyOptional');
export const ApiQuery = decorator('ApiQuery');
export const ApiResponse = decorator('ApiResponse');
export const ApiSchema = decorator('ApiSchema');
export const ApiSecurity = decorator('ApiSecurity');
export const ApiTags = decorator('ApiTags');

/** Where the document has the schema of a class, whose name it bears. */
export function getSchemaPath(model: Type<unknown>): string {
  return `#/components/schemas/${model.name}`;
}

/** Tells the library what was said since the last call. */
export function describeApi(library: Swagger): void {
  for (const tell of said.splice(0)) tell(library);
}
