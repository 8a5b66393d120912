/** Hints before a run, in English. {0}, {1} stand for values. */
export const HINTS_EN = {
  hints: "Hints before the run",
  hintCount: "Hints before the run: {0}",
  hintsOfObject: "Hints for {0}: {1}",
  hintLine: "{0}: {1}",
  hint_fast: "faster than half its size per frame, from frame {0} on. The model may lose it; give it more frames.",
  hint_returns: "leaves the picture and comes back elsewhere at frame {0}. The model may make another object of it.",
  hint_grows: "jumps in size after frame {0}. Spread the change over more frames.",
  hint_small: "smaller than 16 pixels at frame {0}, which is one cell for the model. It may not follow.",
  hint_doubled: "lies on nearly the same place as {1} in frame {0}. Two boxes on one object pull at it.",
  hint_empty: "there is nothing to see in the box in frame {0}. Put it on an object.",
};
