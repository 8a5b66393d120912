/** An object's path and speed, in English. {0}, {1} stand for values. */
export const PATHS_EN = {
  showClip: "Clip: size, frames, frames per second",
  boxFields: "Box at this frame",
  idleSingle: "The box stands still: it has one keyframe. Go to another frame and move it.",
  idleBefore: "The box stands still until its first keyframe.",
  idleLast: "The box stands still after its last keyframe.",
  idleStill: "The box stands still: the next keyframe has the same box.",
};
