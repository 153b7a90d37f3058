"""What is measured: predictions, scores, intervals, comparisons."""

from galaxypair.tables.structure import SPACES

# --- tables after `embed` ------------------------------------------------------------------------
# embeddings/{split}.parquet: targetid i8, split str, {modality}_embedding and
# {modality}_embedding_unit as fixed-size lists of f4 (NaN throughout where the modality is absent).
# embeddings/source.json, of imported embeddings alone: {"layout", "files": [{"rows", "name", "bytes",
# "sha256"}], "embedding_dim", "modalities", "split"}.
# crossmatch/properties.parquet: one row per kept galaxy: targetid, split, z, matched (bool) and the
# PROVABGS names above plus every further numeric scalar column, lower case, NaN where unmatched.
# losses.csv: split is train, val, test, "all" (their sum), or "catalogue" (rows of PROVABGS itself).
LOSSES_COLUMNS = ("step", "split", "n_in", "n_lost", "n_out")
# Properties regressed unless the config names others. A `log_` name that is no column of
# properties.parquet is derived from it: log10 of the column without `log_`; log_ssfr from two.
TARGETS = ("z", "log_mstar", "log_z_mw", "tage_mw", "log_avg_sfr", "log_ssfr")
METRIC_COLUMNS = (
    "protocol",
    "reference",  # modality of the labelled galaxies
    "query",  # modality of the galaxies predicted
    "target",
    "metric",
    "value",
    "low",  # 68 % interval
    "high",
    "n",
)
# metrics/zeroshot.csv: METRIC_COLUMNS, metrics r2, nmad, bias, outlier_fraction; protocol train_to_test. For
# each reference with each query of MODALITIES, and of "both" with "both": the two side by side.
# metrics/zeroshot.json: {protocol: {"k", "validation": {k: 1 - R2}, "references", "queries", "settings"}}.
# metrics/protocols.csv: zeroshot.csv and the like of each protocol of the section `protocols`;
# metrics/protocols.json: likewise of zeroshot.json, with {"left_out": why} for one that had too few galaxies.
# metrics/retrieval.csv: METRIC_COLUMNS, protocol test_split, target pair, metrics recall@{k},
# median_rank, and what chance gives: chance_recall@{k}, chance_median_rank.
# metrics/zeroshot_predictions.parquet: targetid, reference, query, target, y_true, y_pred.
# metrics/retrieval_neighbours.parquet: targetid (query), reference, query, rank (1 = nearest),
# neighbour (targetid), similarity (cosine), role: query, or single (the one galaxy of some figures, with
# more of its nearest images by its image).
# metrics/agreement.csv: METRIC_COLUMNS, protocol test_split, metrics nmad_rank_{r} and, of redshifts and
# log10 properties, close_fraction_rank_{r} of the r-th nearest other galaxy; random_nmad and
# random_close_fraction of pairs drawn at random.
# metrics/few_shot.csv: one row per space, property, number of labels, draw, and metric of zeroshot.csv
FEW_SHOT_COLUMNS = (
    "protocol",  # few_shot_mlp
    "space",  # embeddings that the network reads: one of SPACES
    "target",
    "n_labels",  # train galaxies whose property it was trained on
    "n_val",  # val galaxies whose property chose the epoch
    "repeat",  # draw of the labelled galaxies and of the first weights, from 1
    "metric",
    "value",
    "low",  # 68 % interval
    "high",
    "n",  # test galaxies
)
# metrics/few_shot_predictions.parquet: of the test split, in the unit of the property
FEW_SHOT_PREDICTION_COLUMNS = ("targetid", "space", "target", "n_labels", "repeat", "y_true", "y_pred")
# metrics/posteriors.parquet: one row per space, property and test galaxy; q_: quantiles of its posterior
POSTERIOR_QUANTILES = {"q025": 0.025, "q160": 0.16, "q500": 0.5, "q840": 0.84, "q975": 0.975}
POSTERIOR_COLUMNS = (
    "targetid",
    "space",
    "target",
    "y_true",
    *POSTERIOR_QUANTILES,
    "pit",  # share of the posterior below the true value
    "log_prob",  # natural logarithm of the density at the true value [1 / unit of the property]
    "crps",  # continuous ranked probability score [unit of the property]
)
# metrics/posteriors.csv: METRIC_COLUMNS, protocol posterior_flow, reference and query are both one of
# SPACES; metrics nll (mean of -log_prob), crps, coverage_68, coverage_95 (share of true values inside the
# central intervals), and what chance gives, that is the distribution of the train labels for each galaxy:
# chance_crps.
# metrics/posterior_examples.parquet: densities of some test galaxies, each on a grid of its own.
POSTERIOR_EXAMPLE_COLUMNS = (
    "targetid",
    "space",
    "target",
    "y_true",
    "y",  # where
    "density",  # of the posterior [1 / unit of the property]
)
# baselines/{photometry,resnet18,conv_attention}/predictions.parquet: BASELINE_COLUMNS, of the test galaxies
# whose property is known. baselines/photometry/history.csv: PHOTOMETRY_HISTORY_COLUMNS, of its MLPs;
# baselines/{resnet18,conv_attention}/history.csv: HISTORY_COLUMNS, chance being the mean of the train split.
BASELINE_COLUMNS = ("baseline", "targetid", "target", "y_true", "y_pred")
PHOTOMETRY_HISTORY_COLUMNS = (
    "baseline",
    "targets",  # of one network, between blanks
    "epoch",  # counted from 1
    "val_loss",  # mean square error of standardised values
    "kept",  # whether the predictions are those of this epoch
)
# metrics/baselines_{photometry,all}.csv: METRIC_COLUMNS, metrics as in zeroshot.csv; protocol is the baseline
# (reference and query what it reads: photometry, image, spectrum), or train_to_test_common for the zero-shot
# predictions, all on the galaxies that every row of the target has a prediction for.
# ablation/values.csv, one row per trial and metric: all of zeroshot.csv and retrieval.csv but what chance
# gives, val_loss of the best epoch (only of variants whose losses are on the run's scale) and train_seconds;
# target, reference and query are empty for these two.
# ablation/table.csv: variant, differs, seeds, and of what is shown {metric}_{target}_{query}_{reference}
# with _mean and _sd over the seeds (sample standard deviation; NaN of a single seed).
ABLATION_COLUMNS = ("variant", "seed", "metric", "target", "reference", "query", "value", "n")
# published/values.csv of this package, and metrics/compare.csv: what others published and reproduced
PUBLISHED_COLUMNS = (
    "protocol",
    "model",  # AstroCLIP, or what was embedded with in its place; empty: a supervised network
    *("reference", "query", "target", "metric"),  # as in METRIC_COLUMNS
    *("published", "published_by"),  # by the authors of the method
    *("reproduced", "reproduced_by"),  # by others
    "note",
)
COMPARE_COLUMNS = (
    *PUBLISHED_COLUMNS[:-1],
    *("ours", "low", "high", "n"),  # of this run, with 68 % interval
    "reason",  # why `ours` is empty
    "note",
)
# metrics/spectrum_snr.parquet: targetid, spectrum_snr (median per bin of wavelength), of the test split.
# metrics/zeroshot_bins.csv: metrics of zeroshot.csv, of galaxies between two quantiles of a property; value,
# low and high are empty where a bin holds too few galaxies. The property reference_distance is that to the
# k-th nearest reference, of each pair its own.
BIN_COLUMNS = (
    "property",
    "bin",  # counted from 0, by rising property
    "bin_low",
    "bin_high",
    "bin_median",  # of the property, of all test galaxies in the bin
    *METRIC_COLUMNS,
)
# metrics/intervals.parquet: of each test galaxy, pair and target, one row per level.
INTERVAL_COLUMNS = (
    "targetid",
    "reference",
    "query",
    "target",
    "y_true",
    "y_pred",
    "level",  # share of galaxies whose true value is to lie between low and high
    "low",
    "high",
)
# metrics/intervals.csv: METRIC_COLUMNS, metrics coverage@{level}, median_width@{level}; protocols
# conformal_cross (the intervals of the table above) and conformal_val.
# metrics/intervals_bins.csv: BIN_COLUMNS, properties z (these two metrics) and interval_width
# (coverage@{level} and error@{level}, a quantile of the absolute error).
# metrics/learning_curve.csv: R2 by the number of references, the mean over random parts of the train split.
LEARNING_COLUMNS = (
    "references",  # galaxies drawn
    "labelled",  # of them, with the reference's modality and the target; mean over the draws
    "k",
    "draws",
    "spread",  # standard deviation of the value over the draws, empty of a single one
    *METRIC_COLUMNS,  # low and high: over the test galaxies
)
# metrics/seed_spread.csv: scores of zeroshot.csv, the model trained with several seeds.
SEED_COLUMNS = (
    *METRIC_COLUMNS[:5],
    "mean",
    "sd",  # over the seeds, sample standard deviation
    "half_interval",  # half the 68 % interval over the test galaxies, mean over the seeds
    "seeds",  # their number
    "n",
)
# readout/{split}.parquet: what encoders that were pretrained on a simulator's truth read off each galaxy;
# "both": the two modalities together. NaN where a modality is missing or its encoder does not read. targetid
# i8, else f4.
_READ = (
    "z_{0}",
    "z_{0}_low",  # 16th percentile, if it is a galaxy below z = 0.85
    "z_{0}_high",  # 84th
    "confidence_{0}",  # probability that it is one, and |z - z_true| / (1 + z_true) below 0.05
    "other_{0}",  # probability that it is no galaxy below z = 0.85
    "log_mstar_{0}",  # [log10 M_sun]
    "log_mstar_{0}_low",  # one standard deviation below
    "log_mstar_{0}_high",
)
READOUT_COLUMNS = ("targetid", *(name.format(space) for space in SPACES for name in _READ))
READOUT_CONFIDENT = 0.8  # above it a redshift is called confident
# metrics/readout.csv: METRIC_COLUMNS, protocol readout, reference and query are both one of SPACES; metrics
# of zeroshot.csv and coverage_68; of z also confident_fraction, and confident_outlier_fraction among those.
