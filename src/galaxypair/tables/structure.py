"""The embedding space: projections, clusters, galleries, anomalies."""

# projections/umap_{space}.parquet: targetid, x, y; spaces below. projections/pca_{space}.parquet: the same,
# the first two principal components, and pc3, pc4.
SPACES = ("image", "spectrum", "both")
PCA_COMPONENTS = 4
# metrics/pca_{space}.csv: space, component (from 1), explained_variance_ratio.
# clusters/{method}_{space}.parquet: targetid, cluster (-1 = noise of DBSCAN and HDBSCAN).
CLUSTER_METHODS = ("kmeans", "dbscan", "hdbscan")
# metrics/kmeans_scan_{space}.csv: space, k, silhouette, inertia, n (galaxies).
CLUSTERING_COLUMNS = (  # metrics/clusterings_{space}.csv: one row per method
    "space",
    "method",
    "n",
    "clusters",
    "noise_fraction",
    "largest_fraction",  # of all n galaxies, in the largest cluster
    "min_samples",  # empty for k-means, as all below
    "eps",  # in units of the UMAP plane, empty but for DBSCAN
    "eps_rule",
    "min_cluster_size",  # of HDBSCAN
)
# clusters/properties.parquet: targetid of the test galaxies and the properties that clusters are compared by,
# derived ones included. metrics/ami.csv: METRIC_COLUMNS, protocol = method, reference = query = space,
# metrics ami and shuffled_ami (mean and 68 % interval of the same clusters with the property shuffled).
# clusters/median_spectra_{method}_{space}.h5: rest_wavelength (m,) [Angstrom]; cluster, size, used (c,);
# median, low, high (c, m), NaN where less than half of the used galaxies are observed.
# gallery/gallery.h5, clusters_{method}_{space}.h5, mosaic_{projection}_{space}.h5: targetid i8 (n,), z f4,
# image (n, crop_px, crop_px, 3) f4, spectrum (n, 7781) f4; NaN throughout where a galaxy lacks the modality.
# gallery/roles.parquet and .parquet beside the others: role, cluster, cell_x, cell_y, order, targetid; a
# galaxy may have several rows. Roles: example and retrieval (queries and neighbours) of gallery.h5; members
# (some of each cluster); mosaic (one galaxy per cell of a grid over the projection, counted from its lower
# left corner).
# -1 in cluster or cell: not applicable.
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
