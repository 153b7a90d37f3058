# What other methods make of the same galaxies, without embeddings.
