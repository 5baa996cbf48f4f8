export * from './apply-migrations.js';
export * from './data-source.js';
export * from './database.module.js';
export * from './database.service.js';
export * from './group-commit.js';
export * from './instance-secrets.js';
export * from './sql.js';
export * from './unavailable.js';
