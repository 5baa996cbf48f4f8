import { Body, Controller, Delete, Get, Param, Patch, Post, Query, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { principalOf, Scoped } from '../../domain/access/index.js';
import { ApiErrors, cursorInfo, LongPageQuery, pageRequest, usdToMicros } from '../../platform/common/index.js';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '../../platform/openapi/index.js';
import { BudgetsService } from '../../policy/budgets/index.js';
import { toBudget } from './budget-responses.js';
import { Budget, BudgetListResponse, CreateBudgetRequest, DeleteBudgetResponse, PatchBudgetRequest } from './dto/budget.dto.js';

@ApiTags('Budgets')
@Controller('v1/budgets')
export class BudgetsController {
  constructor(private readonly budgets: BudgetsService) {}

  @Post()
  @Scoped('admin')
  @ApiOperation({
    summary: 'Create a budget',
    description: 'Counts what is requested from now on; other replicas heed it after five seconds at the latest.',
  })
  @ApiCreatedResponse({ type: Budget })
  @ApiErrors(404, 409)
  async createBudget(@Req() request: FastifyRequest, @Body() { limit_usd: limitUsd, ...wish }: CreateBudgetRequest): Promise<Budget> {
    return toBudget(await this.budgets.create(principalOf(request), { ...wish, limitMicros: usdToMicros(limitUsd) }));
  }

  @Get()
  @Scoped('admin')
  @ApiOperation({
    summary: 'List budgets',
    description:
      'Of the caller’s application and organization, the quotas of keys included, newest first, with what is held, spent and left.',
  })
  @ApiOkResponse({ type: BudgetListResponse })
  async listBudgets(@Req() request: FastifyRequest, @Query() query: LongPageQuery): Promise<BudgetListResponse> {
    const found = await this.budgets.list(principalOf(request), pageRequest(query), toBudget);
    return { data: found.rows.map(({ answer }) => answer), ...cursorInfo(found) };
  }

  @Get(':id')
  @Scoped('admin')
  @ApiOperation({ summary: 'Get a budget' })
  @ApiOkResponse({ type: Budget })
  @ApiErrors(404)
  async getBudget(@Req() request: FastifyRequest, @Param('id') id: string): Promise<Budget> {
    return toBudget(await this.budgets.get(principalOf(request), id));
  }

  @Patch(':id')
  @Scoped('admin')
  @ApiOperation({ summary: 'Change a budget’s limit', description: 'Counts for the next request on every replica.' })
  @ApiOkResponse({ type: Budget })
  @ApiErrors(404)
  async patchBudget(@Req() request: FastifyRequest, @Param('id') id: string, @Body() body: PatchBudgetRequest): Promise<Budget> {
    const limitMicros = body.limit_usd === undefined ? undefined : usdToMicros(body.limit_usd);
    return toBudget(await this.budgets.setLimit(principalOf(request), id, limitMicros));
  }

  @Delete(':id')
  @Scoped('admin')
  @ApiOperation({ summary: 'Delete a budget', description: 'What it counted stays in the ledger.' })
  @ApiOkResponse({ type: DeleteBudgetResponse })
  @ApiErrors(404)
  async deleteBudget(@Req() request: FastifyRequest, @Param('id') id: string): Promise<DeleteBudgetResponse> {
    await this.budgets.remove(principalOf(request), id);
    return { deleted: true };
  }
}
