/** A text of `litegen.yaml` that named variables, and what became of it. */
export interface Expansion {
  /** With every placeholder replaced; undefined when one of them has no value. */
  readonly text?: string;
  readonly problems: readonly string[];
  /** Variables that it names. */
  readonly named: readonly string[];
}

export interface ExpandedTree {
  readonly tree: unknown;
  /** Each begins with the path of the key. */
  readonly problems: readonly string[];
  /** What was written, by the path of its key, where that was not what it says now. */
  readonly written: ReadonlyMap<string, string>;
  /** Variables that are named anywhere. */
  readonly named: ReadonlySet<string>;
}

/** `$${`, a whole placeholder, or the beginning of one that does not hold. */
const TOKEN = /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^{}]*))?\}|\$\{/g;
const FORMS = `\${NAME} and \${NAME:-default} are replaced, $\${ stands for \${ itself`;

/**
 * Replaces `${NAME}` and `${NAME:-default}` by variables of the environment; `$${` is a `${` of its own. What a variable holds is taken
 * as it is. One that is empty counts as not set, as it does everywhere in the settings.
 */
export function expandText(text: string, environment: NodeJS.ProcessEnv): Expansion {
  const problems: string[] = [];
  const named: string[] = [];
  const expanded = text.replace(TOKEN, (token: string, name: string | undefined, fallback: string | undefined) => {
    if (token === `$\${`) return `\${`;
    if (name === undefined) {
      problems.push(`the placeholder is not complete; ${FORMS}. In {…} and […] the text needs quotes`);
      return token;
    }
    named.push(name);
    const value = environment[name] || fallback;
    if (value === undefined) problems.push(`the variable ${name} is not set or empty, and \${${name}} has no default`);
    return value ?? '';
  });
  return problems.length > 0 ? { problems, named } : { text: expanded, problems, named };
}

/** Every text among the values of a parsed document; keys stay as they are. */
export function expandTree(tree: unknown, environment: NodeJS.ProcessEnv): ExpandedTree {
  const problems: string[] = [];
  const written = new Map<string, string>();
  const names = new Set<string>();
  const expand = (value: unknown, path: readonly string[]): unknown => {
    if (Array.isArray(value)) return value.map((member, index) => expand(member, [...path, String(index)]));
    if (typeof value === 'object' && value !== null) {
      return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, expand(member, [...path, key])]));
    }
    if (typeof value !== 'string' || !value.includes(`\${`)) return value;
    const key = path.join('.');
    const { text, problems: own, named } = expandText(value, environment);
    problems.push(...own.map((problem) => `${key}: ${problem}`));
    written.set(key, value);
    for (const name of named) names.add(name);
    return text;
  };
  return { tree: expand(tree, []), problems, written, named: names };
}

/** As people leave them in examples and templates: `${KEY}`, `$KEY`, `{{ key }}`, `<your-key>`, `%KEY%`. */
const UNFILLED = /\$\{[^}]*\}|^\$[A-Za-z_]\w*$|^\{\{.*\}\}$|^<[^<>]*>$|^%\w+%$/;

/** Whether a secret is a place to be filled rather than a secret. */
export function isUnfilled(secret: string): boolean {
  return UNFILLED.test(secret.trim());
}
