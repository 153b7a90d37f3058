"""What others have published, brought into the layouts of the stages: data sets of galaxies, embeddings."""
