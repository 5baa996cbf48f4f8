export { VideosModule } from './videos.module.js';
