/**
 * An animated picture, one frame at a time. Browsers draw only its first frame on a canvas unless they have ImageDecoder.
 *
 * @import { Drawable } from "./view_draw.js"
 */

/**
 * @param {Promise<Blob>} file
 * @param {() => void} onChange called when there is something new to draw
 * @returns {{at: (share: number) => Drawable | undefined, close: () => void}} at: by the share of the clip that has passed, 0 to 1
 */
export function createAnimation(file, onChange) {
  /** @type {ImageDecoder | undefined} */
  let decoder;
  /** @type {VideoFrame | ImageBitmap | undefined} */
  let picture;
  let [shown, wanted, closed] = [-1, 0, false];

  async function open() {
    const blob = await file;
    if (!("ImageDecoder" in globalThis)) picture = await createImageBitmap(blob);
    else {
      decoder = new ImageDecoder({ data: blob.stream(), type: blob.type });
      await decoder.completed;
      await decode();
    }
    if (closed) close();
    else onChange();
  }

  async function decode() {
    // The frame that is asked for may change meanwhile.
    while (decoder && !closed && shown !== wanted) {
      const index = wanted;
      const { image } = await decoder.decode({ frameIndex: index });
      picture?.close();
      [picture, shown] = [image, index];
    }
  }

  function close() {
    closed = true;
    picture?.close();
    decoder?.close();
    [picture, decoder] = [undefined, undefined];
  }

  // A file that is gone or cannot be read shows nothing.
  open().catch(() => undefined);
  return {
    close,
    at(share) {
      const count = decoder?.tracks.selectedTrack?.frameCount ?? 1;
      const index = Math.min(Math.floor(share * count), count - 1);
      if (index !== wanted && decoder) {
        const idle = shown === wanted;
        wanted = index;
        if (idle) decode().then(onChange, () => undefined);
      }
      if (!picture) return undefined;
      const size = "displayWidth" in picture ? [picture.displayWidth, picture.displayHeight] : [picture.width, picture.height];
      return { source: picture, width: size[0], height: size[1] };
    },
  };
}
