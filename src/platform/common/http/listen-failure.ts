import { createServer } from 'node:http';

/** Why nobody can listen at an address now; undefined: a server can. */
export async function listenFailure(host: string, port: number): Promise<NodeJS.ErrnoException | undefined> {
  const server = createServer();
  const failure = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    server.once('error', resolve);
    server.listen(port, host, () => resolve(undefined));
  });
  if (failure === undefined) await new Promise((resolve) => server.close(resolve));
  return failure;
}
