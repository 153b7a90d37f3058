# Small networks that are trained on embeddings: few-shot regression and posteriors.
