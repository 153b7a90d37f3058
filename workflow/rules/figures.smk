# One rule per figure, each drawn again alone by naming its file:
# snakemake --cores 1 results/demo/figures/umap_redshift.pdf


wildcard_constraints:
    query="image|spectrum",
    reference="image|spectrum",
    property="(?!summary|annotated_)[A-Za-z0-9_]+",
