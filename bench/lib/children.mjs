// Processes of the benchmark: started, asked by messages, and never left behind.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const running = new Set();

process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

/** Makes sure that a child ends with us. */
export function track(child) {
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

/** A helper process under `bench/processes`, whose functions are called by name. */
export class Helper {
  #child;
  #calls = new Map();
  #lastId = 0;

  constructor(name) {
    this.name = name;
    const path = fileURLToPath(new URL(`../processes/${name}.mjs`, import.meta.url));
    this.#child = track(fork(path, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }));
    this.#child.on('message', ({ id, result, error }) => {
      const call = this.#calls.get(id);
      this.#calls.delete(id);
      if (error === undefined) call?.resolve(result);
      else call?.reject(new Error(`${name}: ${error}`));
    });
    this.#child.once('exit', (code, signal) => {
      for (const { reject } of this.#calls.values()) reject(new Error(`${name} ended with ${signal ?? code}`));
      this.#calls.clear();
    });
  }

  get pid() {
    return this.#child.pid;
  }

  call(method, parameters = {}) {
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve, reject });
      this.#child.send({ id, method, parameters });
    });
  }

  async stop() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await ended;
  }
}
