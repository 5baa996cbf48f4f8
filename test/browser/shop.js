/** What a web shop does with results; runs in the browser. */

/** Shows pictures and answers their sizes, as the browser measured them. */
export function showPictures(sources) {
  return Promise.all(
    sources.map(async (source) => {
      const image = new Image();
      image.src = source;
      document.body.append(image);
      await image.decode();
      return [image.naturalWidth, image.naturalHeight];
    }),
  );
}

/** Looks for the middle of a film, then plays all of it; seconds and pixels. */
export async function playFilm(source) {
  const video = document.createElement('video');
  video.muted = true;
  video.controls = true;
  video.src = source;
  document.body.append(video);
  const happened = (name) =>
    new Promise((resolve, reject) => {
      video.addEventListener(name, resolve, { once: true });
      video.addEventListener('error', () => reject(new Error(`${video.error?.code}: ${video.error?.message}`)), { once: true });
    });
  await happened('loadedmetadata');
  const sought = happened('seeked');
  video.currentTime = video.duration / 2;
  await sought;
  const middle = video.currentTime;
  const ended = happened('ended');
  video.currentTime = 0;
  await video.play();
  await ended;
  return {
    width: video.videoWidth,
    height: video.videoHeight,
    duration: video.duration,
    middle,
    end: video.currentTime,
    frames: video.getVideoPlaybackQuality().totalVideoFrames,
  };
}
