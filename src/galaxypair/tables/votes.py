"""Votes and classes of morphology."""

from galaxypair.tables.scores import LOSSES_COLUMNS

# --- votes on morphology --------------------------------------------------------------------------
# Questions and answers of Galaxy Zoo DECaLS (Walmsley et al. 2022), as gz_decals_volunteers_5.csv spells
# them: columns {question}_total-votes, {question}_{answer} (a count), ..._fraction and ..._debiased.
GALAXY_ZOO = {
    "smooth-or-featured": ("smooth", "featured-or-disk", "artifact"),
    "disk-edge-on": ("yes", "no"),
    "has-spiral-arms": ("yes", "no"),
    "bar": ("strong", "weak", "no"),
    "bulge-size": ("dominant", "large", "moderate", "small", "none"),
    "how-rounded": ("round", "in-between", "cigar-shaped"),
    "edge-on-bulge": ("boxy", "none", "rounded"),
    "spiral-winding": ("tight", "medium", "loose"),
    "spiral-arm-count": ("1", "2", "3", "4", "more-than-4", "cant-tell"),
    "merging": ("none", "minor-disturbance", "major-disturbance", "merger"),
}
# Galaxy10_DECals.h5: `ans` is a position in these
GALAXY10 = (
    "disturbed",
    "merging",
    "round smooth",
    "in-between smooth",
    "cigar-shaped smooth",
    "barred spiral",
    "unbarred tight spiral",
    "unbarred loose spiral",
    "edge-on without bulge",
    "edge-on with bulge",
)

# morphology/labels.parquet: LABEL_COLUMNS, one row per galaxy, question and answer, the answers in the
# order of the votes' file; the label is the answer with the largest fraction.
LABEL_COLUMNS = (
    "targetid",
    "split",
    "question",
    "answer",
    "fraction",  # of the votes, from 0 to 1; their sum over the answers is 1
    "votes",  # on the question; NaN: the file does not say
)
# morphology/losses.csv; question is "all" for steps before any question, split as in LOSSES_COLUMNS.
LABEL_LOSSES_COLUMNS = ("question", *LOSSES_COLUMNS)
# metrics/morphology.csv: METRIC_COLUMNS, protocols morphology_mlp, morphology_knn and majority_class,
# reference and query the space, target the question, metrics accuracy, weighted_f1, balanced_accuracy.
MORPHOLOGY_PREDICTION_COLUMNS = ("targetid", "protocol", "space", "question", "label", "predicted")
