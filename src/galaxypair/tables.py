"""Names, dtypes and units of everything that one stage writes and another reads.

This module is the contract between the stages: it holds no code beyond constants.
"""

# --- the joint image-spectrum file (layout of the published AstroCLIP file, v1.1.5) -------------
JOINT_GROUPS = tuple(str(i) for i in range(10))  # by falling z-band flux: group 0 is the brightest
IMAGE_PX = 152
PIXEL_SCALE_ARCSEC = 0.262
BANDS = ("g", "r", "z")
DISPLAY_SCALES = (6.0, 3.4, 2.2)  # of g, r, z in the colour pictures of the Legacy Surveys
N_WAVELENGTH = 7781
WAVELENGTH_MIN = 3600.0  # Angstrom, vacuum, observed frame
WAVELENGTH_MAX = 9824.0  # step 0.8 Angstrom
JOINT_DATASETS = {  # name: (shape of one row, dtype)
    "images": ((IMAGE_PX, IMAGE_PX, 3), "f4"),  # nanomaggies / pixel, bands g, r, z
    "spectra": ((N_WAVELENGTH, 1), "f4"),  # 1e-17 erg / s / cm2 / Angstrom; 0 exactly = no data
    "redshifts": ((), "f4"),  # NaN = unknown (only in a user's own survey)
    "targetids": ((), "i8"),  # DESI TARGETID
}
# A row whose image (or spectrum) is NaN throughout has none: only `ingest` writes such rows.
# Optional further dataset of a group, by sources whose galaxies have a split of their own or must not
# be split by their order: u1, positions in these. The first three are SPLITS and stand as they are.
JOINT_SPLITS = (
    "train",
    "val",
    "test",
    "train_or_val",  # train of a source without validation split: val is drawn from it
    "any",  # no split: all three are drawn, by a hash of TARGETID
)

# --- PROVABGS (astropy table in HDF5) -----------------------------------------------------------
PROVABGS_GROUP = "__astropy_table__"
# column of the file -> our name; see the glossary for units
PROVABGS_SCALARS = {
    "TARGETID": "targetid",
    "RA": "ra",  # deg
    "DEC": "dec",  # deg
    "Z_HP": "z_hp",
    "MAG_G": "mag_g",
    "MAG_R": "mag_r",
    "MAG_Z": "mag_z",
    "MAG_W1": "mag_w1",
    "PROVABGS_LOGMSTAR_BF": "log_mstar",  # log10 M_sun
    "Z_MW": "z_mw",  # mass-weighted metallicity (mass fraction); optional columns from here on
    "TAGE_MW": "tage_mw",  # mass-weighted age [Gyr]
    "AVG_SFR": "avg_sfr",  # mean star formation rate of the last Gyr [M_sun / yr]
}
# Columns of posterior samples, which stay on disk unless asked for: crossmatch/posteriors.h5 holds
# them and targetid, one row per matched galaxy, in the order of the catalogue.
PROVABGS_POSTERIORS = {
    "PROVABGS_THETA_BF": "theta_bf",  # (n, 13) best fit of the parameters below
    "PROVABGS_MCMC": "theta_mcmc",  # (n, 100, 13) samples of their posterior
    "PROVABGS_LOGMSTAR": "log_mstar_samples",  # (n, 100) log10 M_sun
}
PROVABGS_THETA = (
    "log_m_formed",  # log10 M_sun
    *("beta1_sfh", "beta2_sfh", "beta3_sfh", "beta4_sfh"),  # star formation history
    *("f_burst", "t_burst"),  # fraction of the mass, Gyr
    *("gamma1_zh", "gamma2_zh"),  # metallicity history
    *("tau_bc", "tau_ism", "n_dust"),
    "f_fiber",
)
# what others derive from theta, in the table `desi_provabgs` of the Multimodal Universe
MMU_PROVABGS = {
    "Z_MW": "z_mw",
    "TAGE_MW": "tage_mw",
    "AVG_SFR": "avg_sfr",
}

# --- ledger: one row per input galaxy ------------------------------------------------------------
LEDGER_COLUMNS = {
    "row": "int64",  # running number over the whole input
    "group": "str",  # group of the joint file; "" if the galaxy never reached it
    "index": "int64",  # row inside the group, -1 likewise
    "targetid": "int64",
    "z": "float32",
    "kept": "bool",
    "reason": "str",  # "" if kept, else one of REASONS
    "detail": "str",  # one sentence for a person, may be ""
    "split": "str",  # train, val, test; "" if not kept
    "shard": "int32",  # number of the shard that holds the galaxy, -1 if none does
    "has_image": "bool",
    "has_spectrum": "bool",
}
REASONS = (
    # preprocess
    "duplicate_targetid",
    "duplicate_position",
    "image_absent",
    "spectrum_absent",
    "image_not_finite",
    "spectrum_not_finite",
    "image_bad_pixels",
    "image_negative",
    "spectrum_all_zero",
    "spectrum_bad_pixels",
    "spectrum_negative",
    "z_missing",
    "z_out_of_range",
    # import_embeddings, which gives duplicate_targetid, {modality}_absent and z_* as well
    "embedding_invalid",
    # ingest
    "catalogue_row_invalid",
    "duplicate_id",
    "file_missing",
    "file_outside_catalogue_folder",
    "file_unreadable",
    "image_too_small",
    "image_bands_missing",
    "pixel_scale_unknown",
    "wavelength_outside_range",
    "wavelength_medium_unknown",
    "target_outside_image",
    "target_not_in_file",
    "units_unknown",
    # hub
    "targetid_missing",
    "image_wrong_shape",
    "spectrum_wrong_shape",
    # mmu
    "no_image_match",
    "no_spectrum_match",
    "z_warning",
    "wavelength_grid_differs",
)
SPLITS = ("train", "val", "test")
SPLIT_SPELLINGS = {**{name: name for name in SPLITS}, "validation": "val", "valid": "val"}  # of others
LEDGER_IN_PROPERTIES = ("split", "z", "matched")  # columns of properties.parquet not from the catalogue
MODALITIES = ("image", "spectrum")

# --- shards --------------------------------------------------------------------------------------
# dataset/shard-00000.h5 ...: datasets image (n, crop_px, crop_px, 3) f4 or f2, spectrum (n, 7781) likewise,
# z f4, targetid i8, split u1 (position in SPLITS), has_image ?, has_spectrum ?.
# A modality that a galaxy lacks is 0 throughout there.
# dataset/manifest.json: {"crop_px": int, "shards": [{"name", "rows"}], "splits": {split: rows},
# "fingerprint": hash of all that the shards hold}. A shard comes from some consecutive rows of one group;
# numbers are left out where none of them was kept.
SHARD_NAME = "shard-{:05d}.h5"

# --- dataset/leaks.csv, leaks_pairs.parquet: galaxies on both sides of a split ----------------------
LEAK_KINDS = {  # kind: reason in the ledger of those that `preprocess` drops for it
    "same_targetid": "duplicate_targetid",
    "same_position": "duplicate_position",  # closer than preprocess.match_radius_arcsec
    "identical_image": None,  # pixel by pixel
    "identical_spectrum": None,
    "similar_image": None,  # one galaxy by its pixels, moved, turned or mirrored; identical ones too
    "shared_sky": None,  # neighbours whose kept cutouts overlap: not one galaxy, only for information
}
LEAK_COLUMNS = (
    "kind",
    "checked",  # kept galaxies that could be checked: with a known place, with an image, ...
    "dropped",  # galaxies that `preprocess` dropped for it, in whatever split
    "pairs",  # of kept galaxies in different splits
    "galaxies",  # in these pairs
    "listed",  # pairs in leaks_pairs.parquet: at most leaks.max_pairs of a kind, the closest
    "outcome",  # none, dropped (nothing is left), left_in, information, not_checked
)
LEAK_PAIR_COLUMNS = (
    "kind",
    "targetid",
    "split",
    "other_targetid",
    "other_split",
    "distance",  # arcsec for places, chi2 of the difference for images, 0 for what is identical
)

# --- features/{train,val}.h5, of frozen encoders alone ------------------------------------------------
# targetid i8 and per frozen modality (n, views, n_features) f2 or f4, contiguous: galaxies with both
# modalities, shard by shard. View 0 is the galaxy as it is, and the only one of val and of a modality that
# is not augmented.

# --- model/history.csv: one row per epoch; chance: the loss of embeddings that tell nothing ---------
HISTORY_COLUMNS = (
    "epoch",  # counted from 1
    "train_loss",
    "val_loss",
    "learning_rate",
    "chance_loss",
    "chance_val_loss",
)

# --- model/throughput.csv: one row per epoch; differs from run to run, unlike the history -----------
THROUGHPUT_COLUMNS = (
    "epoch",  # counted from 1
    "pairs_per_s",  # of all devices together, without validation
    "waiting_share",  # of that time, for the next batch to be read
    "peak_memory_gb",  # of the training process since its start
    "peak_gpu_memory_gb",  # of the epoch; empty on a CPU
)

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
# metrics/zeroshot.csv: METRIC_COLUMNS, metrics r2, nmad, bias, outlier_fraction.
# metrics/retrieval.csv: METRIC_COLUMNS, protocol test_split, target pair, metrics recall@{k},
# median_rank, and what chance gives: chance_recall@{k}, chance_median_rank.
# metrics/zeroshot_predictions.parquet: targetid, reference, query, target, y_true, y_pred.
# metrics/retrieval_neighbours.parquet: targetid (query), reference, query, rank (1 = nearest),
# neighbour (targetid), similarity (cosine).
# ablation/values.csv, one row per trial and metric: all of zeroshot.csv and retrieval.csv but what chance
# gives, val_loss of the best epoch (only of variants whose losses are on the run's scale) and train_seconds;
# target, reference and query are empty for these two.
# ablation/table.csv: variant, differs, seeds, and of what is shown {metric}_{target}_{query}_{reference}
# with _mean and _sd over the seeds (sample standard deviation; NaN of a single seed).
ABLATION_COLUMNS = ("variant", "seed", "metric", "target", "reference", "query", "value", "n")
# projections/umap_{space}.parquet: targetid, x, y; spaces below.
SPACES = ("image", "spectrum", "both")
# clusters/{kmeans,dbscan}_{space}.parquet: targetid, cluster (-1 = noise of DBSCAN).
# metrics/kmeans_scan_{space}.csv: space, k, silhouette, inertia.
# gallery/gallery.h5: targetid i8 (n,), z f4, image (n, crop_px, crop_px, 3) f4, spectrum (n, 7781) f4;
# NaN throughout where a galaxy lacks the modality.
# gallery/roles.parquet: role, cluster, cell_x, cell_y, order, targetid; a galaxy may have several
# rows. Roles: example; retrieval (queries and neighbours); kmeans_{modality} and dbscan_{modality}
# (some members of each cluster); mosaic_{modality} (one galaxy per cell of a grid over the UMAP
# projection, counted from its lower left corner). -1 in cluster or cell: not applicable.
ROLE_COLUMNS = ("role", "cluster", "cell_x", "cell_y", "order", "targetid")
# metrics/anomalies.parquet: one row per test galaxy; ranks count from 1, 0: not in the list.
ANOMALY_COLUMNS = (
    "targetid",
    "image_distance",  # mean distance to the nearest train galaxies, of unit embeddings
    "spectrum_distance",
    "pair_distance",  # 1 - cosine of the galaxy's own image and spectrum
    "anomaly_score",  # of the first two together: how far they stand out [standard deviations]
    "anomaly_of",  # image or spectrum: which one stands out more
    "anomaly_rank",  # suspected artefacts are not ranked
)
# with pixels, the checks of `artefacts.CHECKS` and:
ARTEFACT_COLUMNS = (
    "artefact_score",  # largest of the checks, each in units of its limit
    "suspected_artefact",
    "reason",  # "" of those not suspected
    "artefact_rank",
)
# gallery/anomalies.parquet: role (anomalies or artefacts) and the same columns, of those that figures show;
# gallery/anomalies.h5: their pixels, as in gallery/gallery.h5.
# metrics/anomalies.csv: METRIC_COLUMNS, see `anomalies.measure_lists`.

# Figures and axes: name -> label with unit
LABELS = {
    "z": "redshift z",
    "log_mstar": r"$\log_{10}\,M_{\bigstar}\ [M_\odot]$",
    "z_mw": r"metallicity $Z_{\rm MW}$",
    "tage_mw": r"mass-weighted age [Gyr]",
    "avg_sfr": r"SFR (last Gyr) [$M_\odot$ yr$^{-1}$]",
    "log_z_mw": r"$\log_{10}\,Z_{\rm MW}$",  # published AstroCLIP code: the natural logarithm
    "log_avg_sfr": r"$\log_{10}$ SFR (last Gyr) [$M_\odot$ yr$^{-1}$]",
    "log_ssfr": r"$\log_{10}$ sSFR [yr$^{-1}$]",
    "ln_avg_sfr_over_z_mw": r"$\ln\,({\rm SFR}\,/\,Z_{\rm MW})$",
    "mag_g": "g [AB mag]",
    "mag_r": "r [AB mag]",
    "mag_z": "z band [AB mag]",
    "mag_w1": "W1 [AB mag]",
}
