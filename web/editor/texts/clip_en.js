/** The clip and its picture, values that are refused, and errors of a run, in English. {0}, {1} stand for values. */
export const CLIP_EN = {
  useInstead: "Use {0}",
  mustSide: "The model needs sides in multiples of 32 pixels, from 32 to 4096.",
  mustLength: "The model needs 4k + 1 frames (such as 49, 81, 121), at most 1025.",
  mustWhole: "Give a whole number from {0} to {1}.",
  mustNumber: "Give a number from {0} to {1}.",
  clipWrong: "A clip of {0} x {1} pixels and {2} frames cannot be made: sides are multiples of 32, and frames 4k + 1.",
  clipRight: "Use {0} x {1}, {2} frames",
  fromNode: "{0}. Another node decides it through the input.",
  fromNodeUnknown: "{0}. Another node decides it; it is known after a run.",

  cutAsk: "This clip cuts off {0} % of the picture.",
  cutAskLinked: "This clip cuts off {0} % of the picture. Other nodes decide its size.",
  cutFit: "Fit the clip to the picture",
  cutFitTip: "{0} x {1} pixels, about as many as now. Boxes stay on their objects.",
  cutKeep: "Keep",
  cutKeepTip: "Keep the size. The row of the clip shows what is cut again.",
  cutShort: "Cut {0} %",
  cutLong: "Show what the clip cuts off the picture",
  saidFollowed: "The boxes stay where they are on the picture.",
  saidFitted: "The clip is {0} x {1} now.",

  runStopped: "The last run stopped at this node: {0}",
  runRefused: "Run refused {0}: {1}",
  runAt: "{0}, keyframe at frame {1}",
  runNothing: "The last run had nothing to move: draw a box, or connect boxes, tracks or masks.",
  dismiss: "Hide this message",
};
