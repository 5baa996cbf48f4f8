export { ImageCommands, type ImageOperation } from './image-command.service.js';
export { ImagesModule } from './images.module.js';
