"""The colours of every page and picture.

Name: (light, dark). Pictures are drawn in the light colours; in SVG each becomes the CSS variable of its name, so that
one picture serves both. Hence every light colour occurs once.
"""

PALETTE = {
    "paper": ("#ffffff", "#14171c"),
    "surface": ("#f6f7f9", "#1b2027"),
    "ink": ("#1d232b", "#e4e7eb"),
    "quiet": ("#5c6672", "#a0aab6"),
    "line": ("#dfe3e8", "#2e353e"),
    "good": ("#19703c", "#6fce91"),
    "bad": ("#b3261e", "#ff8f85"),
    "warn": ("#8a5a00", "#edb95a"),
    "series-1": ("#2f6fd0", "#6ea8ff"),
    "series-2": ("#c2500c", "#ff9a55"),
    "series-3": ("#0b7a6f", "#4fd1c2"),
    "series-4": ("#7b3fb5", "#c69bf5"),
    "series-5": ("#b0357a", "#f58cc4"),
    "series-6": ("#6f7a12", "#c9d45a"),
}
