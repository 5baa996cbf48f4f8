// The statuses of a generation and what leads from one to another, as docs/develop/architecture.md shows them.
//   node scripts/transitions.mjs
import { ACTIVE_STATUSES, STATUSES, TERMINAL_STATUSES, TRANSITIONS } from '../dist/src/engine/generations/model/transitions.js';

const EVENTS = Object.entries(TRANSITIONS).map(([event, { from, to, when }]) => ({ event, from, to, when }));

/** The events that lead from one status to another, as the label of an arrow. */
function arrow(from, to, name = from) {
  const events = EVENTS.filter((one) => one.to === to && one.from.includes(from)).map(({ event }) => event);
  return events.length === 0 ? [] : [`${name} --> ${to} : ${events.join(', ')}`];
}

/** Every active status leads to every end, so these arrows leave the group of them. */
function ending(to) {
  const events = EVENTS.filter((one) => one.to === to && !one.from.includes('new'));
  const missing = ACTIVE_STATUSES.filter((status) => !events.some(({ from }) => from.includes(status)));
  if (missing.length > 0) throw new Error(`The diagram takes it that every active status leads to ${to}; ${missing} does not.`);
  return `active --> ${to} : ${events.map(({ event }) => event).join(', ')}`;
}

const diagram = [
  'stateDiagram-v2',
  '  state active {',
  ...ACTIVE_STATUSES.flatMap((to) => ['new', ...ACTIVE_STATUSES].flatMap((from) => arrow(from, to, from === 'new' ? '[*]' : from))).map(
    (line) => `    ${line}`,
  ),
  '  }',
  ...TERMINAL_STATUSES.flatMap((to) => [...arrow('new', to, '[*]'), ending(to)]).map((line) => `  ${line}`),
];
const statuses = Object.entries(STATUSES).map(([status, meaning]) => `| \`${status}\` | ${meaning} |`);
const events = EVENTS.map(({ event, from, to, when }) => `| \`${event}\` | ${from.join(', ')} | ${to} | ${when} |`);

console.log(['```mermaid', ...diagram, '```', '', '| status | means |', '|---|---|', ...statuses].join('\n'));
console.log(['', '| event | from | to | when |', '|---|---|---|---|', ...events].join('\n'));
