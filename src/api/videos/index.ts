export { VideoCommands } from './video-command.service.js';
export { VideosModule } from './videos.module.js';
