import { writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import OpenAI from 'openai';

const { LITEGEN_URL = 'http://127.0.0.1:4000', LITEGEN_KEY = 'local' } = process.env;
const client = new OpenAI({ baseURL: `${LITEGEN_URL}/v1`, apiKey: LITEGEN_KEY });

const { data } = await client.images.generate({
  model: 'mock/paint',
  prompt: 'a red fox under a teal sky',
  response_format: 'b64_json',
});
await writeFile('fox.png', Buffer.from(data[0].b64_json, 'base64'));
console.log('fox.png');

let video = await client.videos.create({ model: 'mock/clip', prompt: 'a red fox runs', seconds: '4', size: '1280x720' });
while (video.status === 'queued' || video.status === 'in_progress') {
  await sleep(1000);
  video = await client.videos.retrieve(video.id);
}
if (video.status !== 'completed') throw new Error(video.error?.message ?? video.status);
const file = await client.videos.downloadContent(video.id);
await writeFile('clip.mp4', file.body);
console.log('clip.mp4');
