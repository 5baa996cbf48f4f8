export { ApiFileAnswers } from './file-answers.js';
export { FilesApiModule } from './files-api.module.js';
export { sendBlob } from './send-blob.js';
