/**
 * Files that are dropped or pasted on the editor: a picture becomes the start image, a text is opened, a video gives its motion, anything
 * else is told what it could be.
 *
 * @import { Session } from "../edit/session.js"
 * @import { Texts } from "../texts/texts.js"
 *
 * @typedef {object} PictureTaken what became of a picture
 * @property {string} [loader] title of the node that shows it now
 * @property {() => Promise<string>} [offer] make such a node, and return its title; when there was none to take the picture
 * @property {string} [instead] title of the node whose picture the new one would replace
 *
 * @typedef {(file: File) => Promise<PictureTaken>} TakePicture
 */

import { openForm } from "../ui/popup.js";
import { fill } from "../texts/texts.js";

const PICTURE = /\.(png|jpe?g|webp|gif|bmp|tiff?|avif)$/i;
const MOVING = /\.(mp4|webm|mov|m4v|mkv|avi|mp3|wav|flac|ogg)$/i;
/** Bytes that are looked at to tell a text from the rest. */
const HEAD = 4096;

/**
 * What a file is for the editor. The first bytes tell a text, because tables come with every ending.
 * @param {File} file
 * @returns {Promise<"picture" | "video" | "text" | "other">}
 */
async function kindOf(file) {
  if (file.type.startsWith("image/") ? !file.type.startsWith("image/svg") : PICTURE.test(file.name)) return "picture";
  if (/^(video|audio)\//.test(file.type) || MOVING.test(file.name)) return "video";
  const head = new Uint8Array(await file.slice(0, HEAD).arrayBuffer());
  const wide = head.length >= 2 && ((head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff));
  return head.includes(0) && !wide ? "other" : "text";
}

/**
 * Make the first of several files what it can be.
 * @param {{session: Session, texts: Texts, root: () => HTMLElement, takePicture: TakePicture, openText: (file: File) => void,
 *   openVideo: (file: File) => void}} context
 * @param {readonly File[]} files one at least
 * @param {{left: number, top: number, bottom: number}} beside where to ask, if there is something to ask
 */
export async function takeFiles(context, files, beside) {
  const { session, texts } = context;
  const [file] = files;
  if (files.length > 1) {
    session.say(fill(texts.saidOneFile, files.length), true);
    return;
  }
  const kind = await kindOf(file);
  if (kind === "picture") await takePicture(context, file, beside);
  else if (kind === "text") context.openText(file);
  else if (kind === "video") context.openVideo(file);
  else session.say(fill(texts.saidOther, file.name), true);
}

/** @param {Parameters<typeof takeFiles>[0]} context @param {File} file @param {{left: number, top: number, bottom: number}} beside */
async function takePicture({ session, texts, root, takePicture: take }, file, beside) {
  /** @param {string} loader */
  const done = (loader) => session.say(fill(texts.saidPicture, file.name, loader));
  /** @param {unknown} error */
  const failed = (error) => session.say(fill(texts.saidPictureFailed, file.name, error instanceof Error ? error.message : String(error)), true);
  try {
    const { loader, offer, instead } = await take(file);
    if (loader !== undefined) done(loader);
    if (!offer) return;
    const title = instead === undefined ? texts.offerLoader : fill(texts.offerLoaderInstead, instead);
    openForm(root(), beside, { title, texts, apply: texts.makeLoader, fields: [] }, () => {
      offer().then(done, failed);
      return true;
    });
  } catch (error) {
    failed(error);
  }
}

/**
 * Take files that are dropped anywhere on the editor.
 * @param {HTMLElement} root
 * @param {(files: File[], beside: {left: number, top: number, bottom: number}) => void} take
 */
export function installDrops(root, take) {
  root.addEventListener("dragover", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    event.stopPropagation();
  });
  root.addEventListener("drop", (event) => {
    const files = [...(event.dataTransfer?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    event.stopPropagation();
    take(files, { left: event.clientX, top: event.clientY, bottom: event.clientY });
  });
}
