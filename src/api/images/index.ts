export { ImagesModule } from './images.module.js';
export { ImageCommands, type ImageOperation } from './images.service.js';
