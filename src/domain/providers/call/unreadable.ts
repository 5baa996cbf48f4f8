/** A body that is not what it should be: not JSON, cut short, too large, or with media that is not base64. Says nothing of its content. */
export class UnreadableBody extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'UnreadableBody';
  }
}
