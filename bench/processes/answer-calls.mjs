/** Lets the parent call these functions, and ends with the parent. */
export function answerCalls(functions) {
  process.on('message', async ({ id, method, parameters }) => {
    try {
      process.send({ id, result: await functions[method](parameters) });
    } catch (error) {
      process.send({ id, error: error instanceof Error ? error.message : String(error) });
    }
  });
  process.on('disconnect', () => process.exit(0));
}

export function listen(server) {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => resolve(`http://127.0.0.1:${server.address().port}`));
  });
}
