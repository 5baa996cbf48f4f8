// Takes traces over OTLP/HTTP and throws them away.
import { createServer } from 'node:http';
import { answerCalls, listen } from './answer-calls.mjs';

const counts = { exports: 0, bytes: 0 };

const server = createServer((request, response) => {
  request.on('data', (part) => {
    counts.bytes += part.length;
  });
  request.on('end', () => {
    counts.exports += 1;
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
});

answerCalls({ listen: () => listen(server), counts: () => counts });
