/** Why a process does not start, in a sentence for whoever runs it: nothing is wrong with the code, so there is no stack to read. */
export class StartRefusal extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StartRefusal';
  }
}
