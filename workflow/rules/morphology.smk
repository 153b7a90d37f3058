# Answers of Galaxy Zoo's volunteers, predicted from embeddings.
