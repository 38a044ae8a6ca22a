"""Words and their numbers as scikit-learn 1.5.2's CountVectorizer has them.  Writes tests/golden/prompt_words.json.
Beside the reference programs of tests it needs scikit-learn."""

from sklearn.feature_extraction.text import CountVectorizer

from values import write_json

TEXTS = [
    "Segment the left KIDNEY, please!",
    "Where is lung_lower_lobe_left on this X-ray?",
    "  A 3D-CT (T1c; 2.5mm):\tliver/spleen\nand the right kidney...",
    "The structure top-left, in the bottom right quadrant",
    "42",
]

# Underscores part words here, so they are not among the characters of a word.
vectorizer = CountVectorizer(lowercase=True, token_pattern=r"[a-zA-Z0-9]+")
vectorizer.fit(TEXTS)
analyze = vectorizer.build_analyzer()
write_json("prompt_words", {
    "texts": [{"text": text, "words": analyze(text), "tokens": [vectorizer.vocabulary_[w] for w in analyze(text)]}
              for text in TEXTS],
    "words": vectorizer.get_feature_names_out().tolist(),
})
